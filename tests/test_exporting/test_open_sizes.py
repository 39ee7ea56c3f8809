"""Layers for all sizes compute what those compute that they stand for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from uniformer_mm.exporting.open_sizes import (
    MatrixPool,
    Upsample,
    open_sizes,
)

GENERATOR = torch.Generator().manual_seed(0)


@pytest.mark.parametrize('cells', [(2, 2), (3, 6), (7, 5)])
@pytest.mark.parametrize('size', [(6, 6), (7, 13), (5, 4), (2, 30)])
def test_pools_as_torch_does(
    cells: tuple[int, int], size: tuple[int, int]
) -> None:
    x = torch.randn(2, 3, *size, generator=GENERATOR)
    expected = nn.AdaptiveAvgPool2d(cells)(x)
    torch.testing.assert_close(MatrixPool(cells)(x), expected)


def test_pools_to_one_pixel_stay() -> None:
    sizes = (1, (1, 1), 3, (2, 6), (None, 2))
    model = nn.Sequential(*(nn.AdaptiveAvgPool2d(size) for size in sizes))
    open_sizes(model)
    kinds = [type(pool) is MatrixPool for pool in model]
    assert kinds == [False, False, True, True, False]


@pytest.mark.parametrize('align_corners', [False, True])
def test_upsamples_as_mmseg_does(align_corners: bool) -> None:
    wrappers = pytest.importorskip('mmseg.models.utils.wrappers')
    theirs = wrappers.Upsample(
        scale_factor=2, mode='bilinear', align_corners=align_corners
    )
    model = nn.Sequential(
        theirs, wrappers.Upsample(scale_factor=1.5), wrappers.Upsample(size=9)
    )
    open_sizes(model)
    kinds = [type(layer) is Upsample for layer in model]
    assert kinds == [True, False, False]
    x = torch.randn(1, 2, 5, 9, generator=GENERATOR)
    assert torch.equal(model[0](x), theirs(x))
