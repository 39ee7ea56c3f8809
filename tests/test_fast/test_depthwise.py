"""Depthwise convolutions: the gradients of torch's own, put together."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm import UniFormer
from uniformer_mm.fast.depthwise import depthwise_conv
from uniformer_mm.fast.leaves import call
from uniformer_mm.models.layers import depthwise

# Shape of the map and side of the kernel; the last ones smaller than it.
CASES = [
    ((2, 4, 6, 7), 3),
    ((2, 4, 6, 7), 5),
    ((2, 4, 6, 7), 7),
    ((2, 4, 4, 6, 7), 3),
    ((2, 4, 4, 6, 7), 5),
    ((1, 3, 1, 2), 5),
    ((1, 3, 1, 2, 2), 5),
    ((1, 3, 2, 1, 1), 3),
]
every_case = pytest.mark.parametrize(('shape', 'kernel'), CASES)


def tensors(
    shape: tuple[int, ...], kernel: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor]:
    """A channels-last map, a weight and a bias, all with gradients."""
    torch.manual_seed(0)
    dim, ndim = shape[1], len(shape) - 2
    # (N, C, ...) -> (N, ..., C) -> (N, C, ...)
    x = torch.randn(shape, dtype=dtype).movedim(1, -1).contiguous()
    x = x.movedim(-1, 1)
    weight = torch.randn(dim, 1, *[kernel] * ndim, dtype=dtype)
    bias = torch.randn(dim, dtype=dtype)
    return x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()


def plain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    conv: Any = F.conv2d if x.ndim == 4 else F.conv3d
    padding = weight.shape[-1] // 2
    return conv(x, weight, bias, padding=padding, groups=len(weight))


@every_case
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_gradients_are_those_of_torch(
    shape: tuple[int, ...], kernel: int, dtype: torch.dtype
) -> None:
    inputs = tensors(shape, kernel, dtype)
    expected, got = plain(*inputs), depthwise_conv(*inputs)
    assert torch.equal(got, expected)
    weights = torch.randn(shape, dtype=dtype)
    for a, b in zip(
        torch.autograd.grad(got, inputs, weights),
        torch.autograd.grad(expected, inputs, weights),
        strict=True,
    ):
        assert a.shape == b.shape
        # A sum over more terms than channels: rounding is of the largest.
        error = (a - b).abs().max() / b.abs().max()
        assert error <= 20 * torch.finfo(dtype).eps


@every_case
def test_gradients_of_gradients(shape: tuple[int, ...], kernel: int) -> None:
    shape = (1, 2, *shape[2:])
    assert torch.autograd.gradgradcheck(
        depthwise_conv, tensors(shape, kernel), fast_mode=True
    )


@pytest.mark.parametrize('wanted', [(0,), (1,), (2,), (0, 2), (1, 2)])
def test_what_needs_no_gradient_gets_none(wanted: tuple[int, ...]) -> None:
    inputs = tensors((2, 4, 6, 7), 5)
    for i, tensor in enumerate(inputs):
        tensor.requires_grad_(i in wanted)
    depthwise_conv(*inputs).square().sum().backward()
    got = [tensor.grad for tensor in inputs]
    for tensor in inputs:
        tensor.grad = None
    plain(*inputs).square().sum().backward()
    for i, tensor in enumerate(inputs):
        if i not in wanted:
            assert got[i] is None
            continue
        assert tensor.grad is not None
        torch.testing.assert_close(got[i], tensor.grad)


def is_composed(layer: nn.Module, x: Tensor) -> bool:
    y = call(layer, x)
    torch.testing.assert_close(y, layer(x))
    return y.grad_fn.name() == '_DepthwiseBackward'


@pytest.mark.parametrize('ndim', [2, 3])
def test_where_it_pays(ndim: int) -> None:
    x = torch.randn(2, 4, *(6, 5, 7)[:ndim])
    assert is_composed(depthwise(ndim, 4, 5), x)
    # Of images' 3x3 torch's own gradients are as fast.
    assert is_composed(depthwise(ndim, 4, 3), x) == (ndim == 3)


def test_where_it_does_not() -> None:
    x = torch.randn(2, 4, 6, 7)
    assert not is_composed(depthwise(2, 4, 5), x[..., :1])
    assert not is_composed(depthwise(2, 4, 5), x[0])
    assert not is_composed(depthwise(2, 4, 5).double(), x.double())
    with torch.backends.mkldnn.flags(enabled=False):
        assert not is_composed(depthwise(2, 4, 5), x)
    for other in (
        {'padding': 2, 'groups': 2},
        {'padding': 4, 'groups': 4, 'dilation': 2},
        {'padding': 2, 'groups': 4, 'padding_mode': 'reflect'},
        {'padding': 'same', 'groups': 4},
        {'padding': 2, 'groups': 4, 'stride': 2},
    ):
        assert not is_composed(nn.Conv2d(4, 4, 5, **other), x)


@pytest.mark.parametrize('ndim', [2, 3])
def test_a_backward_pass_under_autocast_stays_float32(ndim: int) -> None:
    inputs = tensors((2, 4, 6, 7, 5)[: ndim + 2], 5, torch.float32)
    y = depthwise_conv(*inputs)
    weights = torch.randn(y.shape)
    expected = torch.autograd.grad(y, inputs, weights, retain_graph=True)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = torch.autograd.grad(y, inputs, weights)
    assert all(map(torch.equal, got, expected))


@pytest.mark.parametrize('ndim', [2, 3])
def test_a_batch_of_gradients(ndim: int) -> None:
    inputs = tensors((2, 4, 6, 7, 5)[: ndim + 2], 5)
    y = depthwise_conv(*inputs)
    weights = torch.randn(3, *y.shape, dtype=y.dtype)
    each = [
        torch.autograd.grad(y, inputs, one, retain_graph=True)
        for one in weights
    ]
    got = torch.autograd.grad(y, inputs, weights, is_grads_batched=True)
    expected = [torch.stack(grads) for grads in zip(*each, strict=True)]
    torch.testing.assert_close(list(got), expected)


@pytest.mark.parametrize('ndim', [2, 3])
def test_initialised_as_the_convolution_that_it_is(ndim: int) -> None:
    model = UniFormer(
        'small',
        ndim=ndim,
        out_indices=(0,),
        init_cfg={'type': 'Constant', 'layer': f'Conv{ndim}d', 'val': 7.0},
    )
    model.init_weights()
    for name in ('pos_embed', 'conv1', 'attn'):
        weight = model.blocks1[0].get_submodule(name).weight
        assert (weight == 7).all(), name
