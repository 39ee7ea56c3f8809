"""``nms``, ``softnms`` and ``nms_match`` of ``mmcv._ext``.

Sources: the calls in ``mmcv/ops/nms.py`` (mmcv 2.1.0, Apache-2.0); Bodla et
al., "Soft-NMS -- Improving Object Detection With One Line of Code",
https://arxiv.org/abs/1704.04503. Boxes are ``(x1, y1, x2, y2)`` in pixels;
with ``offset`` 1 the last pixel counts: width = x2 - x1 + 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uniformer_mm.compat.torchvision_ops import (
    to_kernel_dtype,
    torchvision_ops,
)

FloatArray = npt.NDArray[np.floating[Any]]

NAIVE, LINEAR, GAUSSIAN = 0, 1, 2


def nms(
    bboxes: Tensor, scores: Tensor, *, iou_threshold: float, offset: int
) -> Tensor:
    """Greedy non-maximum suppression.

    Args:
        bboxes: ``(N, 4)``, any floating type, CPU or CUDA.
        scores: ``(N,)``, any floating type, on the device of ``bboxes``.
        iou_threshold: a box is dropped if its IoU with a kept one is larger.
        offset: 0 or 1.

    Returns:
        ``(K,)`` int64 indices of the kept boxes, by falling score.

    Raises:
        ImportError: torchvision is missing or does not match torch.
    """
    boxes = to_kernel_dtype(bboxes)
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    # NOTE: torchvision sorts equal scores stably, mmcv by this plain sort.
    # Handing torchvision ranks instead of scores keeps mmcv's order.
    order = scores.sort(0, descending=True)[1]
    ranks = torch.arange(
        len(order), 0, -1, dtype=boxes.dtype, device=boxes.device
    )
    kept = torchvision_ops().nms(boxes[order], ranks, iou_threshold)
    return order[kept]


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    *,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Soft non-maximum suppression, on the CPU like mmcv's.

    Again and again the best remaining box is kept and the scores of the
    others are multiplied by a weight: 0 (naive) or 1 - IoU (linear) where the
    IoU reaches ``iou_threshold``, or exp(-IoU^2 / sigma) (Gaussian). Boxes
    whose score falls below ``min_score`` are dropped.

    Args:
        boxes: ``(N, 4)`` CPU tensor.
        scores: ``(N,)`` CPU tensor.
        dets: ``(N, 5)`` CPU tensor; its first K rows are overwritten by the
            kept boxes and their final scores, in the order of keeping.
        iou_threshold: for naive and linear.
        sigma: for Gaussian, > 0.
        min_score: the lowest score to keep.
        method: 0 naive, 1 linear, 2 Gaussian.
        offset: 0 or 1.

    Returns:
        ``(K,)`` int64 indices of the kept boxes, in the order of keeping.

    Raises:
        ValueError: ``method`` is not one of the three.
    """
    if method not in (NAIVE, LINEAR, GAUSSIAN):
        raise ValueError(
            'method must be 0 (naive), 1 (linear) or 2 (Gaussian), '
            f'got {method}'
        )
    box = to_kernel_dtype(boxes.detach()).numpy()
    score = to_kernel_dtype(scores.detach()).numpy().copy()
    order = np.arange(len(score))
    num_kept = 0
    while num_kept < len(order):
        # The place of a box in `order` decides between equal scores, so boxes
        # are swapped and dropped exactly where mmcv does it.
        best = num_kept + int(np.argmax(score[order[num_kept:]]))
        order[[num_kept, best]] = order[[best, num_kept]]
        rest = order[num_kept + 1 :]
        iou = _iou(box[order[num_kept]], box[rest], offset)
        score[rest] *= _weight(iou, iou_threshold, sigma, method)
        rest = _fill_gaps(rest, score[rest] >= min_score)
        num_kept += 1
        order = np.concatenate([order[:num_kept], rest])
    kept = torch.from_numpy(order)
    dets[: len(kept), :4] = boxes[kept]
    dets[: len(kept), 4] = torch.from_numpy(score)[kept].to(dets)
    return kept


def nms_match(dets: Tensor, *, iou_threshold: float) -> list[list[int]]:
    """Non-maximum suppression that tells which boxes each kept one drops.

    Args:
        dets: ``(N, 5)`` CPU tensor, boxes and scores.
        iou_threshold: a box belongs to the best kept one whose IoU with it is
            at least this.

    Returns:
        A list per kept box, by falling score: its index, then those of the
        boxes that it drops, by falling score.
    """
    table = to_kernel_dtype(dets.detach())
    box = table[:, :4].numpy()
    rest = table[:, 4].sort(0, descending=True)[1].numpy()
    matches = []
    while len(rest):
        best, rest = rest[0], rest[1:]
        overlaps = _iou(box[best], box[rest], 0) >= iou_threshold
        matches.append([int(best), *rest[overlaps].tolist()])
        rest = rest[~overlaps]
    return matches


def _iou(box: FloatArray, others: FloatArray, offset: int) -> FloatArray:
    """Return the ``(N,)`` IoU of ``box (4,)`` with ``others (N, 4)``.

    It is nan between two boxes without area.
    """
    corner1 = np.maximum(box[:2], others[:, :2])
    corner2 = np.minimum(box[2:], others[:, 2:])
    inter = np.maximum(corner2 - corner1 + offset, 0).prod(-1)
    area = (box[2:] - box[:2] + offset).prod()
    areas = (others[:, 2:] - others[:, :2] + offset).prod(-1)
    with np.errstate(divide='ignore', invalid='ignore'):
        iou: FloatArray = inter / (area + areas - inter)
    return iou


def _weight(
    iou: FloatArray, iou_threshold: float, sigma: float, method: int
) -> FloatArray:
    """Return the ``(N,)`` factors of the scores for the ``(N,)`` IoU."""
    weight = np.ones_like(iou)
    if method == GAUSSIAN:
        # NOTE: mmcv lets the nan of two boxes without area into the scores.
        defined = ~np.isnan(iou)
        weight[defined] = np.exp(-(iou[defined] ** 2) / sigma)
        return weight
    overlaps = iou >= iou_threshold
    weight[overlaps] = 0 if method == NAIVE else 1 - iou[overlaps]
    return weight


def _fill_gaps(
    indices: npt.NDArray[np.int64], alive: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Return the alive ``indices``; each gap takes the last one alive."""
    num_alive = int(alive.sum())
    filled = indices[:num_alive].copy()
    gaps = ~alive[:num_alive]
    filled[gaps] = indices[num_alive:][alive[num_alive:]][::-1]
    return filled
