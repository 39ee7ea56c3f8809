"""Classes of pixels: the best ones, their names and their colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from uniformer_mm.portable.ade20k import ADE20K_NAMES, ADE20K_PALETTE
from uniformer_mm.portable.pictures import Array

__all__ = ['best_classes', 'class_colours', 'class_names']

# Classes of which logits are held in the size of a picture at a time.
TOGETHER = 16


def best_classes(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Tell the class of each pixel.

    Args:
        logits (Tensor): (1, num_classes, h, w).
        size (Sequence[int]): H and W, to which they are resized.

    Returns:
        Tensor: (H, W), int64.
    """
    # One class after another would be slow, all at once large.
    best: Tensor | None = None
    label_map = torch.zeros((), dtype=torch.int64, device=logits.device)
    for first, part in enumerate(torch.split(logits[0], TOGETHER)):
        part = F.interpolate(
            part[None],
            tuple(size),
            mode='bilinear',
            align_corners=False,
        )
        values, ids = part[0].max(0)
        ids = ids + first * TOGETHER
        if best is None:
            best, label_map = values, ids
        else:
            label_map = torch.where(values > best, ids, label_map)
            best = torch.maximum(values, best)
    return label_map


def class_names(
    names: Sequence[str] | None, num_classes: int
) -> tuple[str, ...]:
    """Return the names, or if there are none those of ADE20K, or numbers.

    Raises:
        TypeError: They are no list of names.
        ValueError: They are not one per class.
    """
    if names is None:
        if num_classes == len(ADE20K_NAMES):
            return ADE20K_NAMES
        return tuple(map(str, range(num_classes)))
    if isinstance(names, str) or not all(isinstance(n, str) for n in names):
        raise TypeError(f'names must be a list of names, got {names!r:.80}')
    if len(names) != num_classes:
        raise ValueError(
            f'names must be {num_classes}, one per class, got {len(names)}'
        )
    return tuple(names)


def class_colours(palette: Any, num_classes: int) -> Array | None:
    """Return the colours (num_classes, 3), uint8, or ADE20K's, or None.

    Raises:
        ValueError: They have another shape or are no colours.
    """
    if palette is None:
        return ADE20K_PALETTE if num_classes == len(ADE20K_PALETTE) else None
    colours = np.asarray(palette)
    if (
        colours.shape != (num_classes, 3)
        or colours.dtype.kind not in 'iu'
        or not ((colours >= 0) & (colours <= 255)).all()
    ):
        raise ValueError(
            f'palette must be ({num_classes}, 3) ints from 0 to 255, got '
            f'{colours.shape} of {colours.dtype}'
        )
    return colours.astype(np.uint8)
