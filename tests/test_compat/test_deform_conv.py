"""Both deformable convolutions against their papers' sum over taps."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from tests.support.bilinear import sample
from tests.support.waves import assert_same, wave

ops = pytest.importorskip('mmcv.ops')
pytest.importorskip('torchvision')


class Case(NamedTuple):
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    deform_groups: int = 1


CASES = [
    Case(),
    Case(kernel=(1, 1), padding=(0, 0)),
    Case(kernel=(3, 2), stride=(2, 1), padding=(0, 2)),
    Case(stride=(1, 2), padding=(2, 1), dilation=(2, 1)),
    Case(kernel=(2, 2), groups=2, deform_groups=4),
    Case(stride=(2, 2), groups=4, deform_groups=2),
]


def make_inputs(case: Case) -> list[Tensor]:
    """Return float64 features, offset, mask, weight and bias."""
    height, width = 4, 5
    sizes = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip((height, width), *case[:4], strict=True)
    ]
    taps = case.deform_groups * case.kernel[0] * case.kernel[1]
    shapes = [
        (2, 4, height, width),
        (2, 2 * taps, *sizes),
        (2, taps, *sizes),
        (4, 4 // case.groups, *case.kernel),
        (4,),
    ]
    return [wave(*shape).double() * 1.3 for shape in shapes]


def by_definition(
    features: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
    case: Case,
) -> Tensor:
    """Return (N, C_out, H_out, W_out)."""
    num_taps = case.kernel[0] * case.kernel[1]
    per_offset = features.shape[1] // case.deform_groups
    values = []
    for n in range(len(features)):
        for out_y in range(offset.shape[2]):
            for out_x in range(offset.shape[3]):
                seen = []
                for tap in range(num_taps):
                    i, j = divmod(tap, case.kernel[1])
                    for group in range(case.deform_groups):
                        place = group * num_taps + tap
                        dy, dx = offset[
                            n, 2 * place : 2 * place + 2, out_y, out_x
                        ]
                        y = out_y * case.stride[0] - case.padding[0]
                        x = out_x * case.stride[1] - case.padding[1]
                        part = features[n, group * per_offset :][:per_offset]
                        value = sample(
                            part,
                            y + i * case.dilation[0] + dy,
                            x + j * case.dilation[1] + dx,
                        )
                        if mask is not None:
                            value = value * mask[n, place, out_y, out_x]
                        seen.append(value)
                # (taps, C)
                columns = torch.cat(seen).reshape(num_taps, -1)
                inner = columns.reshape(num_taps, case.groups, -1)
                kernels = weight.reshape(case.groups, -1, *weight.shape[1:])
                values.append(
                    torch.einsum('tgc,goct->go', inner, kernels.flatten(3))
                )
    # (N * H * W, groups, C_out / groups) -> (N, C_out, H, W)
    out = torch.stack(values).reshape(
        len(features), *offset.shape[2:], len(weight)
    )
    out = out.permute(0, 3, 1, 2)
    return out if bias is None else out + bias[:, None, None]


@pytest.mark.parametrize('case', CASES)
def test_plain_by_definition(case: Case) -> None:
    inputs = [t.requires_grad_() for t in make_inputs(case)]
    features, offset, _, weight, _ = inputs
    got = ops.deform_conv2d(features, offset, weight, *case[1:])
    expected = by_definition(features, offset, None, weight, None, case)
    assert_same(got, expected, [features, offset, weight])


@pytest.mark.parametrize('with_bias', [False, True])
@pytest.mark.parametrize('case', CASES)
def test_modulated_by_definition(case: Case, with_bias: bool) -> None:
    inputs = [t.requires_grad_() for t in make_inputs(case)]
    *leaves, bias = inputs
    if with_bias:
        leaves = inputs
    got = ops.modulated_deform_conv2d(
        *inputs[:4], bias if with_bias else None, *case[1:]
    )
    expected = by_definition(*inputs[:4], bias if with_bias else None, case)
    assert_same(got, expected, leaves)


def test_without_offsets_it_is_a_convolution() -> None:
    features, offset, _, weight, _ = make_inputs(Case())
    got = ops.deform_conv2d(features, 0 * offset, weight, 1, 1)
    expected = torch.nn.functional.conv2d(features, weight, padding=1)
    torch.testing.assert_close(got, expected)


def test_new_layers_have_the_gradients_of_compiled_mmcv() -> None:
    # Values of mmcv's tests/test_ops/test_modulated_deform_conv.py: all taps
    # look at whole cells, where slopes jump.
    layer = ops.ModulatedDeformConv2dPack(1, 1, 2, padding=1, bias=False)
    torch.nn.init.ones_(layer.weight)
    layer(torch.tensor([[[[1.0, 2.0, 3.0]] * 3]])).sum().backward()
    assert layer.weight.grad.tolist() == [[[[9, 9], [9, 9]]]]
    expected = [-3, -1.5] * 4 + [4.5] * 4
    assert layer.conv_offset.bias.grad.tolist() == expected


@pytest.mark.parametrize('axis', [0, 1])
def test_offsets_just_inside_of_the_padding_have_a_slope(axis: int) -> None:
    features = torch.ones(1, 1, 3, 3)
    weight = torch.ones(1, 1, 1, 1)
    for inside, slope in ((0.0, 0), (0.25, 1)):
        offset = torch.zeros(1, 2, 5, 5)
        offset[:, axis] = inside
        offset.requires_grad_()
        ops.deform_conv2d(features, offset, weight, 1, 1).sum().backward()
        # The first row or column looks at -1 + inside.
        edge = offset.grad[0, axis].select(axis, 0)
        assert edge[1:4].tolist() == [slope] * 3


@pytest.mark.usefixtures('mmcv_lite')
def test_batches_of_several_steps() -> None:
    features, offset, _, weight, _ = make_inputs(Case())
    got = ops.deform_conv2d(features, offset, weight, 1, 1, 1, 1, 1, False, 1)
    expected = ops.deform_conv2d(features, offset, weight, 1, 1)
    torch.testing.assert_close(got, expected)


def test_larger_offsets_and_masks_are_read_from_their_start() -> None:
    # DyHead passes those of a larger level.
    case = Case(stride=(2, 2))
    inputs = make_inputs(case)
    large = make_inputs(case._replace(stride=(1, 1)))
    offset, mask = (t.clone().requires_grad_() for t in large[1:3])
    got = ops.modulated_deform_conv2d(
        inputs[0], offset, mask, *inputs[3:], *case[1:]
    )
    read = []
    for values, small in ((offset, inputs[1]), (mask, inputs[2])):
        rows = [row[: small[0].numel()] for row in values.flatten(1)]
        read.append(torch.stack(rows).reshape(small.shape))
    expected = by_definition(inputs[0], *read, *inputs[3:], case)
    assert_same(got, expected, [offset, mask])


@pytest.mark.usefixtures('mmcv_lite')
@pytest.mark.parametrize(('place', 'name'), [(1, 'offset'), (2, 'mask')])
def test_too_few_values_are_named(place: int, name: str) -> None:
    inputs = make_inputs(Case())
    shape = tuple(inputs[place].shape)
    inputs[place] = inputs[place][:, :, 1:]
    with pytest.raises(ValueError, match=f'{name} must have the shape') as e:
        ops.modulated_deform_conv2d(*inputs, 1, 1)
    assert str(shape) in str(e.value)
    assert str(tuple(inputs[place].shape)) in str(e.value)


@pytest.mark.parametrize(
    'layer', ['DeformConv2dPack', 'ModulatedDeformConv2dPack']
)
def test_layers_train(layer: str) -> None:
    module = getattr(ops, layer)(4, 6, 3, padding=1, deform_groups=2)
    features = wave(2, 4, 5, 6).requires_grad_()
    out = module(features)
    assert out.shape == (2, 6, 5, 6)
    out.square().sum().backward()
    assert features.grad is not None
    assert all(p.grad is not None for p in module.parameters())
