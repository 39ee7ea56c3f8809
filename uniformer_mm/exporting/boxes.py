"""Boxes of a batch: decoding, and the best of them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

__all__ = ['best', 'decode', 'gather']


def decode(
    coder: Any, boxes: Tensor, deltas: Tensor, h: int, w: int
) -> Tensor:
    """Move and scale boxes, and clip them to a picture.

    Args:
        coder: A ``DeltaXYWHBBoxCoder`` of mmdet.
        boxes: (..., 4) as x1, y1, x2, y2.
        deltas: (..., 4).
        h: Height of the picture, in pixels.
        w: Its width.

    Returns:
        Tensor: (..., 4).
    """
    deltas = deltas * deltas.new_tensor(coder.stds)
    deltas = deltas + deltas.new_tensor(coder.means)
    center = (boxes[..., :2] + boxes[..., 2:]) * 0.5
    sides = boxes[..., 2:] - boxes[..., :2]
    limit = abs(math.log(16 / 1000))  # mmdet's own, which configs can't set
    move = sides * deltas[..., :2]
    grow = deltas[..., 2:]
    if coder.add_ctr_clamp:
        move = move.clamp(-coder.ctr_clamp, coder.ctr_clamp)
        grow = grow.clamp(max=limit)
    else:
        grow = grow.clamp(-limit, limit)
    center = center + move
    half = sides * grow.exp() * 0.5
    corners = torch.cat([center - half, center + half], -1)
    if not coder.clip_border:
        return corners
    # As a tensor: a size in a graph is no number that clamp takes.
    edge = torch.stack([torch.scalar_tensor(s) for s in (w, h, w, h)])
    return corners.clamp(min=0).minimum(edge.to(corners))


def best(scores: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Return the best ``number`` of (N, L), or all, and their places."""
    values, places = scores.topk(min(number, scores.shape[1]))
    return values, places


def gather(rows: Tensor, places: Tensor) -> Tensor:
    """Take rows (N, L, C) at places (N, K) -> (N, K, C)."""
    return rows.gather(1, places[..., None].expand(-1, -1, rows.shape[2]))
