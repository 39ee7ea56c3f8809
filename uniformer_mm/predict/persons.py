"""Where persons are in a picture: as told, or as a detector finds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from uniformer_mm.checks import check_choice
from uniformer_mm.predict.items import Boxes, Item

__all__ = ['Finder', 'boxes_as_told']

Finder = Callable[[Item], Boxes]


def boxes_as_told(boxes: Any) -> Finder:
    """Return the function that gives an item its boxes.

    Args:
        boxes: (N, 4) as x1, y1, x2, y2 in pixels: a sequence with one per
            item in their order, a dict by names of items, or 'whole' for the
            whole picture.

    Raises:
        TypeError: It is of another type.
        ValueError: It is another word; on a call, there are no boxes for the
            item, or they are none.
    """
    if isinstance(boxes, str):
        check_choice('boxes', boxes, ('whole',))
        return _whole
    if isinstance(boxes, Mapping):
        return lambda item: _checked(_of_name(boxes, item), item)
    if not isinstance(boxes, (list, tuple, np.ndarray)):
        raise TypeError(
            'boxes must be a sequence with an array (N, 4) per input, a dict '
            f"or 'whole', got {type(boxes).__name__}"
        )
    told = iter(boxes)

    def next_boxes(item: Item) -> Boxes:
        found = next(told, None)
        if found is None:
            raise ValueError(
                f'boxes must be as many as inputs, got {len(boxes)}'
            )
        return _checked(found, item)

    return next_boxes


def _of_name(boxes: Mapping[str, Any], item: Item) -> Any:
    if item.name not in boxes:
        raise ValueError(f'there are no boxes by the name {item.name!r}')
    return boxes[item.name]


def _whole(item: Item) -> Boxes:
    assert item.picture is not None
    height, width = item.picture.shape[:2]
    return np.array([[0, 0, width, height]], np.float32), np.ones(1)


def _checked(boxes: Any, item: Item) -> Boxes:
    found = np.asarray(boxes, np.float32)
    found = found.reshape(0, 4) if not found.size else found
    if found.ndim != 2 or found.shape[1] != 4:
        raise ValueError(
            f'boxes of {item.name} must be (N, 4), got {found.shape}'
        )
    empty = (found[:, 2:] <= found[:, :2]).any()
    if empty or not np.isfinite(found).all():
        raise ValueError(
            f'boxes of {item.name} must be x1, y1, x2, y2 with x1 < x2 and '
            'y1 < y2'
        )
    return found, np.ones(len(found), np.float32)
