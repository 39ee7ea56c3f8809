"""Boxes, and their IoU by definition, for nms and soft_nms."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Input of mmcv's tests/test_ops/test_nms.py.
MMCV_BOXES = [[6, 3, 8, 7], [3, 6, 9, 11], [3, 7, 10, 12], [1, 4, 13, 7]]
MMCV_SCORES = [0.6, 0.9, 0.7, 0.2]


def random_boxes(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return (n, 4) float64 boxes that overlap a lot, (n,) scores."""
    gen = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=gen, dtype=torch.float64) * 60
    size = torch.rand(n, 2, generator=gen, dtype=torch.float64) * 40 + 1
    scores = torch.randperm(n, generator=gen).double().add(1) / (n + 1)
    return torch.cat([corner, corner + size], 1), scores


def iou(a: list[float], b: list[float], offset: int) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0]) + offset
    height = min(a[3], b[3]) - max(a[1], b[1]) + offset
    inter = max(width, 0) * max(height, 0)
    areas = [(x[2] - x[0] + offset) * (x[3] - x[1] + offset) for x in (a, b)]
    union = sum(areas) - inter
    return inter / union if union else math.nan
