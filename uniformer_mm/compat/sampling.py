"""Bilinear samples of maps at positions between their cells.

As in He et al., "Mask R-CNN" (RoIAlign), https://arxiv.org/abs/1703.06870,
and in mmcv: the centre of cell (i, j) is at y = i, x = j; up to one cell
outside of the map the value at its border counts, farther away it is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

NOWHERE = -1e9
"""A position, or a way to one, outside of every map."""


def sample_maps(maps: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Return ``(N, C, P)`` values, differentiable in all three arguments.

    NOTE: where a border counts, the position has no gradient; mmcv's kernels
    extrapolate there.

    Args:
        maps: ``(N, C, H, W)``, float32 or float64, H and W > 0.
        y: ``(N, P)`` positions along H, in cells.
        x: ``(N, P)`` positions along W, in cells.
    """
    height, width = maps.shape[2:]
    near = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    # grid_sample reads anywhere in memory for nan, which is not near.
    y, x = y.where(near, 0), x.where(near, 0)
    # It puts the outer edges of the map at -1 and 1.
    grid = torch.stack([(2 * x + 1) / width, (2 * y + 1) / height], -1) - 1
    values = grid_sample(
        maps, grid[:, None], padding_mode='border', align_corners=False
    )
    # (N, C, 1, P) -> (N, C, P)
    return values[:, :, 0].where(near[:, None], 0)
