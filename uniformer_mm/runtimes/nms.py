"""Non-maximum suppression of a batch, as an operator that exports as one."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ['suppress']


@torch.library.custom_op('uniformer_mm::suppress', mutates_args=())
def suppress(
    boxes: Tensor, scores: Tensor, max_overlap: float, min_score: float
) -> Tensor:
    """Tell which boxes are left, in each of B sets by itself.

    NOTE: what torchvision's operator returns has as many rows as boxes are
    left, and none for a batch; a mask has a shape that is known, and ONNX's
    operator takes all sets at once.

    Args:
        boxes: (B, L, 4) as x1, y1, x2, y2.
        scores: (B, L).
        max_overlap: Boxes that overlap a better one by more are left out;
            intersection over union, 0-1.
        min_score: So are those whose score is not above it.

    Returns:
        Tensor: (B, L), bool.
    """
    # Where there is no detection, torchvision need not be there.
    from torchvision.ops import nms

    kept = torch.zeros_like(scores, dtype=torch.bool)
    for i, (some, likely) in enumerate(zip(boxes, scores, strict=True)):
        (candidates,) = torch.where(likely > min_score)
        left = nms(some[candidates], likely[candidates], max_overlap)
        kept[i, candidates[left]] = True
    return kept


@suppress.register_fake
def _(_boxes: Tensor, scores: Tensor, *_: float) -> Tensor:
    return torch.empty_like(scores, dtype=torch.bool)
