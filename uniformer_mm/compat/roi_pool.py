"""``roi_pool_forward`` and ``roi_pool_backward`` of ``mmcv._ext``.

Sources: Girshick, "Fast R-CNN", https://arxiv.org/abs/1504.08083; the calls
in ``mmcv/ops/roi_pool.py`` (mmcv 2.1.0, Apache-2.0). Each RoI is cut into
bins of equal size, and the largest of the cells that a bin touches is its
value. NOTE: torchvision rounds the corners of an RoI to cells first, mmcv does
not, so torchvision's operator is of no use here.

``rois`` are ``(R, 5)``: image index, x1, y1, x2, y2 in pixels of the image,
the last ones included; ``spatial_scale`` is feature size / image size. An RoI
of no size and bins outside of the map give 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from uniformer_mm.compat.torchvision_ops import to_kernel_dtype

NOTHING = -1
"""The index of bins without cells."""


def roi_pool_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    *,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Overwrite ``output`` and ``argmax``.

    Args:
        features: ``(N, C, H, W)``, any floating type.
        rois: ``(R, 5)``.
        output: ``(R, C, pooled_height, pooled_width)``, of the type of
            ``features``.
        argmax: int32, shape of ``output``: row * W + column of each value, -1
            where there is none. NOTE: for an RoI of no size mmcv leaves 0,
            which sends the gradient to the first cell.
        pooled_height: number of bins along H.
        pooled_width: number of bins along W.
        spatial_scale: feature size / image size.
    """
    height, width = features.shape[2:]
    box = to_kernel_dtype(rois[:, 1:])
    start, stop = box[:, :2] * spatial_scale, (box[:, 2:] + 1) * spatial_scale
    size = stop - start
    columns = _touched(start[:, 0], size[:, 0], pooled_width, width)
    rows = _touched(start[:, 1], size[:, 1], pooled_height, height)
    has_size = (size > 0).all(1).tolist()
    for i, image in enumerate(rois[:, 0].long().tolist()):
        if not has_size[i]:
            output[i].zero_()
            argmax[i].fill_(NOTHING)
            continue
        maps = features[image]
        # (C, H, 1, W) over (pooled_width, W) -> (C, H, pooled_width)
        best, column = (
            maps[:, :, None].masked_fill(~columns[i], -torch.inf).max(-1)
        )
        # (C, 1, W', H) over (pooled_height, 1, H) -> (C, h, W')
        best, row = (
            best.transpose(1, 2)[:, None]
            .masked_fill(~rows[i][:, None], -torch.inf)
            .max(-1)
        )
        column = column.gather(1, row)
        empty = best == -torch.inf
        output[i] = best.masked_fill(empty, 0)
        argmax[i] = (row * width + column).masked_fill(empty, NOTHING)


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    *,
    pooled_height: int,  # noqa: ARG001 (mmcv's signature)
    pooled_width: int,  # noqa: ARG001
    spatial_scale: float,  # noqa: ARG001
) -> None:
    """Overwrite ``grad_input (N, C, H, W)``.

    ``argmax`` is what :func:`roi_pool_forward` wrote, ``grad_output`` has its
    shape. On CUDA the sums run in no fixed order.
    """
    num, channels, height, width = grad_input.shape
    grad = to_kernel_dtype(grad_output)
    grad_maps = grad.new_zeros(num * channels, height * width)
    image = rois[:, 0].long()[:, None]
    plane = image * channels + torch.arange(channels, device=rois.device)
    # (R, C) -> (R, C, h, w)
    plane = plane[:, :, None, None].expand_as(argmax)
    used = argmax != NOTHING
    grad_maps.index_put_(
        (plane[used], argmax[used].long()), grad[used], accumulate=True
    )
    grad_input.copy_(grad_maps.reshape(grad_input.shape))


def _touched(
    start: Tensor, size: Tensor, num_bins: int, num_cells: int
) -> Tensor:
    """Return ``(R, num_bins, num_cells)``: whether a bin touches a cell."""
    edges = torch.arange(num_bins + 1).to(start) * (size / num_bins)[:, None]
    edges = edges + start[:, None]
    first, last = edges[:, :-1, None].floor(), edges[:, 1:, None].ceil()
    cells = torch.arange(num_cells).to(start)
    return (cells >= first) & (cells < last)
