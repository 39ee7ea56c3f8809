"""Which boxes of two lists are the same."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ['matched']

LEAST_OVERLAP = 0.5  # of boxes that are taken for the same one


def matched(
    expected: Mapping[str, Tensor], got: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the boxes that both have, in one order.

    Boxes are paired that have one label and overlap most, the best first: a
    list by falling score has another order where two scores are next to equal.

    Args:
        expected: What a detector gives, (N, K, ...) each.
        got: The same of another one.

    Returns:
        tuple: Of both, (M, ...) each.
    """
    from torchvision.ops import box_iou

    pairs: list[tuple[int, int, int]] = []
    for i, (boxes, others) in enumerate(
        zip(expected['boxes'], got['boxes'], strict=True)
    ):
        overlaps = box_iou(boxes, others)
        labels, other_labels = expected['labels'][i], got['labels'][i]
        # What only fills the list has none, and pairs with nothing.
        overlaps[labels[:, None] != other_labels] = -1
        overlaps[labels < 0] = -1
        for j in range(len(boxes)):
            overlap, k = overlaps[j].max(0)
            if overlap >= LEAST_OVERLAP:
                overlaps[:, k] = -1
                pairs.append((i, j, int(k)))
    image, mine, theirs = torch.tensor(pairs).view(-1, 3).long().T
    return (
        {name: value[image, mine] for name, value in expected.items()},
        {name: value[image, theirs] for name, value in got.items()},
    )
