from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.support.bilinear import sample
from tests.support.waves import assert_same, wave

ops = pytest.importorskip('mmcv.ops')
from mmcv.ops.multi_scale_deform_attn import (  # noqa: E402
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)

# What mmcv calls on CUDA alone is called here on the CPU.
pytestmark = pytest.mark.usefixtures('mmcv_lite')
SHAPES = torch.tensor([[3, 4], [2, 2], [1, 5]])
STARTS = torch.tensor([0, 12, 16])


def make_inputs() -> list[Tensor]:
    """Return value, locations in [-0.1, 1.1] and weights: M 2, D 3, Q 4."""
    places = wave(2, 4, 2, 3, 2, 2, step=2.9) * 0.6 + 0.5
    inputs = [wave(2, 21, 2, 3), places, wave(2, 4, 2, 3, 2)]
    return [t.double().requires_grad_() for t in inputs]


def attend(value: Tensor, places: Tensor, weights: Tensor) -> Tensor:
    out: Tensor = MultiScaleDeformableAttnFunction.apply(
        value, SHAPES, STARTS, places, weights, 64
    )
    return out


def by_definition(value: Tensor, places: Tensor, weights: Tensor) -> Tensor:
    """Deformable DETR, equation 3, for values that are projected already."""
    num, queries, heads, levels, points, _ = places.shape
    out = []
    for n in range(num):
        for query in range(queries):
            for head in range(heads):
                total = torch.zeros(value.shape[3]).to(value)
                for level in range(levels):
                    height, width = SHAPES[level].tolist()
                    start = int(STARTS[level])
                    cells = value[n, start : start + height * width, head]
                    image = cells.T.reshape(-1, height, width)
                    for point in range(points):
                        at = (n, query, head, level, point)
                        x, y = places[at]
                        seen = sample(image, y * height - 0.5, x * width - 0.5)
                        total = total + weights[at] * seen
                out.append(total)
    return torch.stack(out).reshape(num, queries, -1)


def test_forward_and_backward_by_definition() -> None:
    inputs = make_inputs()
    got, expected = attend(*inputs), by_definition(*inputs)
    assert_same(got, expected, inputs)


def test_equals_what_mmcv_does_on_the_cpu() -> None:
    value, places, weights = (t.detach().float() for t in make_inputs())
    expected = multi_scale_deformable_attn_pytorch(
        value, SHAPES, places, weights
    )
    got = attend(value, places, weights)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)


def test_levels_may_be_stored_in_any_order() -> None:
    value, places, weights = make_inputs()
    order = [2, 0, 1]
    parts = value.split([12, 4, 5], 1)
    stored = torch.cat([parts[level] for level in order], 1)
    got = MultiScaleDeformableAttnFunction.apply(
        stored, SHAPES, torch.tensor([5, 17, 0]), places, weights, 64
    )
    torch.testing.assert_close(got, attend(value, places, weights))


def test_the_layer_gives_the_same_by_either_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = ops.MultiScaleDeformableAttention(
        16, num_heads=2, num_levels=3, dropout=0.0, batch_first=True
    )
    inputs = {
        'query': wave(2, 4, 16),
        'value': wave(2, 21, 16),
        'reference_points': wave(2, 4, 3, 2) / 2 + 0.5,
        'spatial_shapes': SHAPES,
        'level_start_index': STARTS,
    }
    torch.nn.init.normal_(layer.sampling_offsets.weight)
    expected = layer(**inputs)
    monkeypatch.setattr(
        'mmcv.ops.multi_scale_deform_attn.multi_scale_deformable_attn_pytorch',
        lambda value, _, places, weights: attend(value, places, weights),
    )
    got = layer(**inputs)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    got.square().sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
