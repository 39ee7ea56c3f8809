"""``roi_align_forward`` and ``roi_align_backward`` of ``mmcv._ext``.

Source: the calls in ``mmcv/ops/roi_align.py`` (mmcv 2.1.0, Apache-2.0);
torchvision's operators have the same arguments and the same results. Gradients
of many channels on a CPU are ours (``roi_align_cpu``).

``rois`` are ``(R, 5)``: image index, x1, y1, x2, y2 in pixels of the image;
``spatial_scale`` is feature size / image size. ``sampling_ratio`` <= 0 takes
as many samples per bin as it has feature cells. Types below float32 are
computed in float32 and rounded once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from uniformer_mm.compat.roi_align_cpu import Grid, gradient, pays
from uniformer_mm.compat.sampling import NOWHERE
from uniformer_mm.compat.torchvision_ops import (
    to_kernel_dtype,
    torchvision_ops,
)

AVERAGE = 1


def roi_align_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,  # noqa: ARG001 (mmcv's signature)
    argmax_x: Tensor,  # noqa: ARG001
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Overwrite ``output (R, C, aligned_height, aligned_width)``.

    Args:
        features: ``(N, C, H, W)``, any floating type.
        rois: ``(R, 5)``.
        output: the result, of the type of ``features``.
        argmax_y: only for max pooling, ignored.
        argmax_x: only for max pooling, ignored.
        aligned_height: number of bins along H.
        aligned_width: number of bins along W.
        spatial_scale: feature size / image size.
        sampling_ratio: samples per bin and axis; 0 or -1: adaptive.
        pool_mode: 1 (average); 0 (max) is not supplied.
        aligned: shift by half a cell, so that cell centres lie at .5.

    Raises:
        NotImplementedError: ``pool_mode`` is 0.
        ImportError: torchvision is missing or does not match torch.
    """
    _check_pool_mode(pool_mode)
    x = to_kernel_dtype(features)
    pooled = torchvision_ops().roi_align(
        x,
        _readable(rois.to(x.dtype)),
        spatial_scale,
        aligned_height,
        aligned_width,
        sampling_ratio,
        aligned,
    )
    output.copy_(pooled)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,  # noqa: ARG001 (mmcv's signature)
    argmax_x: Tensor,  # noqa: ARG001
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Overwrite ``grad_input (N, C, H, W)``.

    ``grad_output`` is ``(R, C, aligned_height, aligned_width)``; the other
    arguments and the errors are those of :func:`roi_align_forward`. On CUDA
    the sums run in no fixed order, so under
    ``torch.use_deterministic_algorithms(True)`` torch raises RuntimeError.
    """
    _check_pool_mode(pool_mode)
    grad = to_kernel_dtype(grad_output)
    boxes = _readable(rois.to(grad.dtype))
    grid = Grid(
        spatial_scale, aligned_height, aligned_width, sampling_ratio, aligned
    )
    if pays(grad, boxes, grid):
        grad_input.copy_(gradient(grad, boxes, grid, grad_input.shape))
        return
    grad_input.copy_(
        torchvision_ops()._roi_align_backward(
            grad,
            boxes,
            spatial_scale,
            aligned_height,
            aligned_width,
            *grad_input.shape,
            sampling_ratio,
            aligned,
        )
    )


def _readable(rois: Tensor) -> Tensor:
    """Return ``rois`` with those of nan or infinite corners out of the map.

    torchvision reads anywhere in memory for them. Outside of the map, values
    are 0.
    """
    known = rois[:, 1:].isfinite().all(1, keepdim=True)
    boxes = rois[:, 1:].masked_fill(~known, NOWHERE)
    return torch.cat([rois[:, :1], boxes], 1)


def _check_pool_mode(pool_mode: int) -> None:
    """Raise NotImplementedError unless ``pool_mode`` is average."""
    if pool_mode != AVERAGE:
        raise NotImplementedError(
            "roi_align supports pool_mode 'avg' (1) alone without a compiled "
            f"mmcv, got {pool_mode} ('max' is 0); use pool_mode='avg', or "
            'install a compiled mmcv'
        )
