"""``ms_deform_attn_forward`` and ``ms_deform_attn_backward`` of ``mmcv._ext``.

Sources: Zhu et al., "Deformable DETR", https://arxiv.org/abs/2010.04159,
equation 3; the calls in ``mmcv/ops/multi_scale_deform_attn.py`` (mmcv 2.1.0,
Apache-2.0), which come from CUDA alone: on the CPU mmcv has a formula of its
own. Types below float32 are computed in float32 and rounded once.

Axes: N images, S cells of all levels, M heads, D channels per head, Q
queries, L levels, P points.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from uniformer_mm.compat.recompute import recomputed_gradients
from uniformer_mm.compat.torchvision_ops import to_kernel_dtype


def ms_deform_attn_forward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    *,
    im2col_step: int,  # noqa: ARG001 (mmcv's signature)
) -> Tensor:
    """Return ``(N, Q, M * D)``, of the type of ``value``.

    Args:
        value: ``(N, S, M, D)``, any floating type.
        spatial_shapes: int64 height and width of each level, ``(L, 2)``.
        level_start_index: int64 index of the first cell of each level,
            ``(L,)``.
        sampling_locations: ``(N, Q, M, L, P, 2)``: x, y; 0 and 1 are the outer
            edges of the level, beyond which values are 0.
        attention_weights: ``(N, Q, M, L, P)``.
        im2col_step: images at a time in mmcv's kernels, ignored.
    """
    attended = _attend(
        to_kernel_dtype(value),
        to_kernel_dtype(sampling_locations),
        to_kernel_dtype(attention_weights),
        _levels(spatial_shapes, level_start_index),
    )
    return attended.to(value.dtype)


def ms_deform_attn_backward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    *,
    im2col_step: int,  # noqa: ARG001 (mmcv's signature)
) -> None:
    """Overwrite the gradients of value, locations and weights.

    ``grad_output`` is ``(N, Q, M * D)``; the other arguments are those of
    :func:`ms_deform_attn_forward`. On CUDA the sums run in no fixed order.
    """
    levels = _levels(spatial_shapes, level_start_index)
    inputs = (value, sampling_locations, attention_weights)
    grads = recomputed_gradients(
        lambda v, locations, weights: _attend(v, locations, weights, levels),
        [to_kernel_dtype(tensor) for tensor in inputs],
        grad_output,
    )
    targets = (grad_value, grad_sampling_loc, grad_attn_weight)
    for target, grad in zip(targets, grads, strict=True):
        target.copy_(grad)


def _levels(
    spatial_shapes: Tensor, level_start_index: Tensor
) -> list[tuple[int, int, int]]:
    """Return the first cell, height and width of each level."""
    table = torch.cat([level_start_index[:, None], spatial_shapes], 1)
    return [(start, height, width) for start, height, width in table.tolist()]


def _attend(
    value: Tensor,
    locations: Tensor,
    weights: Tensor,
    levels: list[tuple[int, int, int]],
) -> Tensor:
    """Return ``(N, Q, M * D)``: the weighted sum of all samples."""
    num, _, heads, channels = value.shape
    queries = locations.shape[1]
    attended = value.new_zeros(num * heads, channels, queries)
    # Far enough outside of any level, for nan too.
    locations = locations.nan_to_num(-1).clamp(-1, 2)
    for level, (start, height, width) in enumerate(levels):
        # (N, H * W, M, D) -> (N * M, D, H, W)
        maps = value[:, start : start + height * width]
        maps = maps.permute(0, 2, 3, 1).reshape(-1, channels, height, width)
        # (N, Q, M, P, 2) -> (N * M, Q, P, 2); grid_sample's edges: -1 and 1
        grid = 2 * locations[:, :, :, level].transpose(1, 2).flatten(0, 1) - 1
        samples = grid_sample(maps, grid, align_corners=False)
        # (N, Q, M, P) -> (N * M, 1, Q, P)
        share = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)[:, None]
        attended = attended + (samples * share).sum(-1)
    # (N * M, D, Q) -> (N, Q, M * D)
    attended = attended.reshape(num, heads * channels, queries)
    return attended.transpose(1, 2).contiguous()
