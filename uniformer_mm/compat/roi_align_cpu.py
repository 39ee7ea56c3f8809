"""Gradients of RoIAlign on a CPU, by products of matrices.

A bin averages bilinear samples on a grid, so along each axis it is a weighted
sum of cells: a pooled region is ``rows @ window @ columns.T``, with two small
matrices for each region, and its gradient the same with both turned over.
torchvision goes from sample to sample instead, on one thread, in several times
as long. Positions are computed in its order: what lies just inside of a border
for one must do so for the other.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from uniformer_mm.fast.path import is_on
from uniformer_mm.fast.rules import is_plain_run

__all__ = ['Grid', 'gradient', 'pays']

LEAST_CHANNELS = 16  # with fewer, to prepare takes longer
MOST_SAMPLES = 64  # of a bin and axis: regions may be far larger than maps
REGIONS = 32  # at a time, of about one width


class Grid(NamedTuple):
    """How regions are cut into bins.

    Attributes:
        scale (float): Size of the map / size of the image.
        height (int): Bins along H.
        width (int): Bins along W.
        ratio (int): Samples per bin and axis; <= 0: one per cell.
        aligned (bool): Whether cell centres lie at .5.
    """

    scale: float
    height: int
    width: int
    ratio: int
    aligned: bool


def pays(grad: Tensor, rois: Tensor, grid: Grid) -> bool:
    """Whether ``gradient`` may and should be used; see its arguments.

    Not in graphs, which would keep the windows of these very regions.
    """
    if (
        torch.compiler.is_compiling()
        or grad.device.type != 'cpu'
        or type(grad) is not Tensor
        or grad.shape[1] < LEAST_CHANNELS
        or grad.numel() == 0
        or grid.ratio > MOST_SAMPLES
        or not (is_on() and is_plain_run())
    ):
        return False
    sides = (rois[:, 3:] - rois[:, 1:3]).amax(0) * grid.scale
    return all(
        side <= MOST_SAMPLES * bins
        for side, bins in zip(
            sides.tolist(), (grid.width, grid.height), strict=True
        )
    )


def gradient(
    grad: Tensor, rois: Tensor, grid: Grid, shape: torch.Size
) -> Tensor:
    """Return the gradient of the map, ``(N, C, H, W)``, channels-last.

    Args:
        grad: Of what was pooled, ``(R, C, height, width)``, float32 or
            float64, in any memory.
        rois: ``(R, 5)``: image, x1, y1, x2, y2, finite, in the dtype of grad.
        grid: How they are cut.
        shape: Of the map, ``(N, C, H, W)``.
    """
    num, channels, height, width = shape
    cells = grad.new_zeros(num, height, width, channels)
    by_width = (rois[:, 3] - rois[:, 1]).argsort()
    for part in torch.split(by_width, REGIONS):
        image, x1, y1, x2, y2 = rois[part].unbind(1)
        top, rows = _windows(y1, y2, grid.height, height, grid)
        left, columns = _windows(x1, x2, grid.width, width, grid)
        corners = torch.stack([image.long(), top, left], 1).tolist()
        pooled = grad[part].permute(0, 2, 3, 1)  # (r, h, w, C)
        # Wherever the backward pass is called, the types are as they are.
        with torch.autocast('cpu', enabled=False):
            _add(cells, pooled, corners, rows, columns)
    return cells.permute(0, 3, 1, 2)


def _add(
    cells: Tensor,
    pooled: Tensor,
    corners: list[list[int]],
    rows: Tensor,
    columns: Tensor,
) -> None:
    """Add gradients of some regions to that of the map.

    Args:
        cells: ``(N, H, W, C)``, written.
        pooled: ``(r, h, w, C)``.
        corners: Image, first row and first column of each window.
        rows: ``(r, high, h)``, from ``_windows``.
        columns: ``(r, wide, w)``.
    """
    high, wide = rows.shape[1], columns.shape[1]
    # (r, 1, wide, w) @ (r, h, w, C) -> (r, h, wide * C)
    sums = (columns[:, None] @ pooled).flatten(2)
    for (n, y, x), row, total in zip(corners, rows, sums, strict=True):
        # (high, h) @ (h, wide * C), added to a view of the map
        window = cells[n, y : y + high, x : x + wide].flatten(1)
        window.addmm_(row, total)


def _windows(
    start: Tensor, end: Tensor, bins: int, size: int, grid: Grid
) -> tuple[Tensor, Tensor]:
    """Return where regions begin along an axis, and weights of cells there.

    Args:
        start: ``(r,)``, in pixels of the image.
        end: ``(r,)``.
        bins: Along the axis.
        size: Of the map along the axis, in cells.
        grid: How regions are cut.

    Returns:
        tuple[Tensor, Tensor]: ``(r,)`` first cells, and ``(r, cells, bins)``
            shares of bins, for windows as large as the largest.
    """
    offset = 0.5 if grid.aligned else 0.0
    start, end = start * grid.scale - offset, end * grid.scale - offset
    length = end - start if grid.aligned else (end - start).clamp_min(1)
    step = length / bins
    samples = step.ceil() if grid.ratio <= 0 else step.new_tensor(grid.ratio)
    # (r, 1, 1), (samples, 1) and (bins,)
    start, step = start[:, None, None], step[:, None, None]
    samples = samples.expand(len(step))[:, None, None]
    most = max(1, int(samples.max()))
    sample = torch.arange(most, dtype=step.dtype)[:, None]
    at = torch.arange(bins, dtype=step.dtype) * step + start
    at = at + (sample + 0.5) * step / samples
    exists = (sample < samples) & (at >= -1) & (at <= size)
    at = at.where(exists, 0).clamp_min(0)
    low = at.long().clamp_max(size - 1)
    high = (low + 1).clamp_max(size - 1)
    share = (at - low).where(low < size - 1, 0)
    weight = exists / samples.clamp_min(1)
    first = low.where(exists, size - 1).amin((1, 2))
    last = high.where(exists, 0).amax((1, 2))
    cells = max(1, int((last - first).max()) + 1)
    first = first.clamp_max(size - cells)
    shares = step.new_zeros(len(step), cells, bins)
    for cell, part in ((low, (1 - share) * weight), (high, share * weight)):
        place = (cell - first[:, None, None]).clamp(0, cells - 1)
        shares.scatter_add_(1, place, part.to(shares))
    return first, shares
