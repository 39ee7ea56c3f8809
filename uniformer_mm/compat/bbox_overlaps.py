"""``bbox_overlaps`` of ``mmcv._ext``.

Source: the call in ``mmcv/ops/bbox.py`` (mmcv 2.1.0, Apache-2.0). Boxes are
``(x1, y1, x2, y2)`` in pixels; with ``offset`` 1 the last pixel counts: width
= x2 - x1 + 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from uniformer_mm.compat.torchvision_ops import to_kernel_dtype

IOU, IOF = 0, 1


def bbox_overlaps(
    bboxes1: Tensor,
    bboxes2: Tensor,
    ious: Tensor,
    *,
    mode: int,
    aligned: bool,
    offset: int,
) -> None:
    """Overwrite ``ious`` by intersection over union, or over ``bboxes1``.

    Two boxes without area have nan.

    Args:
        bboxes1: ``(M, 4)``, any floating type, CPU or CUDA.
        bboxes2: ``(K, 4)``, likewise.
        ious: ``(M, K)``; with ``aligned`` ``(M,)``, for the pairs.
        mode: 0 (over union) or 1 (over the first box).
        aligned: whether box i is compared with box i alone.
        offset: 0 or 1.

    Raises:
        ValueError: ``mode`` is neither 0 nor 1.
    """
    if mode not in (IOU, IOF):
        raise ValueError(
            'mode must be 0 (intersection over union) or 1 (over the first '
            f'box), got {mode}'
        )
    first, second = to_kernel_dtype(bboxes1), to_kernel_dtype(bboxes2)
    if not aligned:
        first = first[:, None]
    corner1 = torch.maximum(first[..., :2], second[..., :2])
    corner2 = torch.minimum(first[..., 2:], second[..., 2:])
    overlap = (corner2 - corner1 + offset).clamp(min=0).prod(-1)
    whole = (first[..., 2:] - first[..., :2] + offset).prod(-1)
    if mode == IOU:
        area = (second[..., 2:] - second[..., :2] + offset).prod(-1)
        whole = whole + area - overlap
    ious.copy_(overlap / whole)
