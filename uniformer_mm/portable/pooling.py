"""Average pooling to a fixed grid, by matrix products."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ['average_pool']


def average_pool(x: Tensor, bins: int) -> Tensor:
    """Average each of ``bins`` x ``bins`` parts of a map.

    What ``F.adaptive_avg_pool2d(x, bins)`` computes, up to rounding. That one
    does not run on MPS where the sides are no multiples of ``bins``, and is
    exported with the sides of the example alone.

    Args:
        x (Tensor): (N, C, H, W).
        bins (int): Parts of each side; they overlap where they must.

    Returns:
        Tensor: (N, C, bins, bins).
    """
    rows = _averages(x.shape[2], bins, x)
    columns = _averages(x.shape[3], bins, x)
    return rows @ x @ columns.mT


def _averages(size: int, bins: int, like: Tensor) -> Tensor:
    """Return (bins, size): row i averages part i of ``size`` cells."""
    part = torch.arange(bins, device=like.device)[:, None]
    start = part * size // bins
    # Rounded up, so that every cell is in a part.
    end = ((part + 1) * size + bins - 1) // bins
    cell = torch.arange(size, device=like.device)
    inside = (start <= cell) & (cell < end)
    return inside.to(like.dtype) / (end - start)
