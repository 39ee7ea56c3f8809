"""RoIPool, deformable RoI pooling and BorderAlign, by their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.support.bilinear import sample_with_border
from tests.support.waves import assert_same, wave

ops = pytest.importorskip('mmcv.ops')

# On the CPU compiled mmcv has no kernels for these ops.
pytestmark = pytest.mark.usefixtures('mmcv_lite')
SIZE, SCALE = (2, 3), 0.5
ROIS = torch.tensor(
    [
        [0, 1.3, 2.1, 9.2, 7.7],
        [1, 4.0, 4.0, 4.6, 4.5],
        [1, -5.0, -3.0, 6.0, 5.0],
        [0, 40.0, 40.0, 50.0, 50.0],
        [1, 0.0, 0.0, 14.0, 10.0],
        [1, 9.0, 6.0, 5.0, 2.0],  # of no size
    ],
    dtype=torch.float64,
)


def make_maps(channels: int = 3) -> Tensor:
    return wave(2, channels, 5, 7).double().requires_grad_()


def roi_pool_by_definition(maps: Tensor) -> Tensor:
    """Return (R, C, *SIZE): the largest cell that each bin touches."""
    height, width = maps.shape[2:]
    bins = []
    for index, x1, y1, x2, y2 in ROIS.tolist():
        left, top = x1 * SCALE, y1 * SCALE
        step_x = ((x2 + 1) * SCALE - left) / SIZE[1]
        step_y = ((y2 + 1) * SCALE - top) / SIZE[0]
        for i in range(SIZE[0]):
            for j in range(SIZE[1]):
                cells = [
                    maps[int(index), :, y, x]
                    for y in range(height)
                    for x in range(width)
                    if math.floor(top + i * step_y) <= y
                    and y < math.ceil(top + (i + 1) * step_y)
                    and math.floor(left + j * step_x) <= x
                    and x < math.ceil(left + (j + 1) * step_x)
                ]
                none = not cells or step_x <= 0 or step_y <= 0
                bins.append(
                    0 * maps[0, :, 0, 0]
                    if none
                    else torch.stack(cells).amax(0)
                )
    out = torch.stack(bins).reshape(len(ROIS), *SIZE, maps.shape[1])
    return out.permute(0, 3, 1, 2)


def test_roi_pool_by_definition() -> None:
    maps = make_maps()
    got = ops.RoIPool(SIZE, SCALE)(maps, ROIS)
    assert_same(got, roi_pool_by_definition(maps), [maps])


def test_roi_pool_equals_compiled_mmcv() -> None:
    # Values of mmcv's tests/test_ops/test_roi_pool.py.
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], requires_grad=True)
    rois = torch.tensor([[0.0, 0.0, 0.0, 1.0, 1.0]])
    out = ops.roi_pool(maps, rois, (2, 2), 1.0)
    out.backward(torch.ones_like(out))
    assert out.tolist() == [[[[1.0, 2.0], [3.0, 4.0]]]]
    assert maps.grad is not None
    assert maps.grad.tolist() == [[[[1.0, 1.0], [1.0, 1.0]]]]


def test_of_equal_cells_the_first_has_the_gradient() -> None:
    maps = torch.ones(1, 1, 4, 4, requires_grad=True)
    ops.roi_pool(maps, torch.tensor([[0.0, 1, 1, 3, 3]]), (1, 1)).backward()
    assert maps.grad is not None
    assert maps.grad.nonzero().tolist() == [[0, 0, 1, 1]]


def deform_roi_pool_by_definition(
    maps: Tensor, offset: Tensor | None, ratio: int, gamma: float
) -> Tensor:
    """Return (R, C, *SIZE): the mean of samples in each moved bin."""
    bins = []
    for r, (index, *corners) in enumerate(ROIS.tolist()):
        x1, y1, x2, y2 = (v * SCALE - 0.5 for v in corners)
        step_y, step_x = (y2 - y1) / SIZE[0], (x2 - x1) / SIZE[1]
        ny = ratio if ratio > 0 else math.ceil(step_y)
        nx = ratio if ratio > 0 else math.ceil(step_x)
        for i in range(SIZE[0]):
            for j in range(SIZE[1]):
                dx = dy = torch.zeros(()).to(maps)
                if offset is not None:
                    dx = offset[r, 0, i, j] * gamma * (x2 - x1)
                    dy = offset[r, 1, i, j] * gamma * (y2 - y1)
                total = 0 * maps[0, :, 0, 0]
                for a in range(ny):
                    for b in range(nx):
                        total = total + sample_with_border(
                            maps[int(index)],
                            y1 + step_y * (i + (a + 0.5) / ny) + dy,
                            x1 + step_x * (j + (b + 0.5) / nx) + dx,
                        )
                bins.append(total / max(ny * nx, 1))
    out = torch.stack(bins).reshape(len(ROIS), *SIZE, maps.shape[1])
    return out.permute(0, 3, 1, 2)


@pytest.mark.parametrize('ratio', [-1, 0, 2])
def test_deform_roi_pool_by_definition(ratio: int) -> None:
    maps, offset = make_maps(), wave(6, 2, *SIZE).double().requires_grad_()
    got = ops.deform_roi_pool(maps, ROIS, offset, SIZE, SCALE, ratio, 0.3)
    expected = deform_roi_pool_by_definition(maps, offset, ratio, 0.3)
    assert_same(got, expected, [maps, offset])


def test_without_offsets_bins_stay() -> None:
    maps = make_maps()
    got = ops.deform_roi_pool(maps, ROIS, None, SIZE, SCALE, 2)
    expected = deform_roi_pool_by_definition(maps, None, 2, 0.1)
    assert_same(got, expected, [maps])
    aligned = ops.roi_align(maps, ROIS[:5], SIZE, SCALE, 2, 'avg', True)
    torch.testing.assert_close(got[:5], aligned)


def test_deform_roi_pool_equals_compiled_mmcv() -> None:
    # Values of mmcv's tests/test_ops/test_deform_roi_pool.py.
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], requires_grad=True)
    rois = torch.tensor([[0.0, 0.0, 0.0, 1.0, 1.0]])
    out = ops.deform_roi_pool(maps, rois, None, (2, 2), 1.0, 2)
    out.backward(torch.ones_like(out))
    assert out.tolist() == [[[[1.0, 1.25], [1.5, 1.75]]]]
    assert maps.grad is not None
    assert maps.grad.tolist() == [[[[3.0625, 0.4375], [0.4375, 0.0625]]]]


@pytest.mark.parametrize(
    'layer', ['DeformRoIPoolPack', 'ModulatedDeformRoIPoolPack']
)
def test_deformable_pooling_layers_train(layer: str) -> None:
    module = getattr(ops, layer)(SIZE, 3, 8, SCALE).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    maps = make_maps()
    out = module(maps, ROIS)
    assert out.shape == (6, 3, *SIZE)
    out.square().sum().backward()
    assert maps.grad is not None
    assert all(p.grad is not None for p in module.parameters())


def test_border_align_by_definition() -> None:
    maps, pool_size = make_maps(8), 3
    boxes = (ROIS[:, 1:] * SCALE).reshape(2, 3, 4)
    got = ops.BorderAlign(pool_size)(maps, boxes)
    values = []
    for n in range(2):
        for x1, y1, x2, y2 in boxes[n]:
            for border in range(4):
                start = (x1, y1) if border < 2 else (x2, y2)
                end_x = (x2, x1, x1, x2)[border]
                end_y = (y1, y2, y2, y1)[border]
                samples = [
                    sample_with_border(
                        maps[n, 2 * border : 2 * border + 2],
                        start[1] + (end_y - start[1]) * i / pool_size,
                        start[0] + (end_x - start[0]) * i / pool_size,
                    )
                    for i in range(pool_size + 1)
                ]
                values.append(torch.stack(samples).max(0)[0])
    # (N * K * 4, C) -> (N, C, K, 4)
    expected = torch.stack(values).reshape(2, 3, 4, 2).permute(0, 3, 1, 2)
    assert_same(got, expected, [maps])
