"""Boxes, polygons, run-length codes and keypoints of one object."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    'are_corners',
    'are_normalised',
    'are_numbers',
    'bbox_fault',
    'is_number',
    'keypoints_fault',
    'segmentation_fault',
]

LEAST = 6  # numbers of a polygon: x and y of three corners


def bbox_fault(box: Any, width: float, height: float) -> tuple[str, str, str]:
    """Check x, y, width, height in pixels.

    Returns:
        tuple: What is an error, why the host leaves it out, and what is odd;
        '' each if it is fine.
    """
    if not are_numbers(box) or len(box) != 4:
        return 'a box must be 4 numbers that are finite', '', ''
    x, y, w, h = box
    if w < 1 or h < 1:
        return '', 'a box of less than a pixel', ''
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        return '', 'a box outside its picture', ''
    # Half a pixel of rounding is everywhere.
    if min(x, y) < -1 or x + w > width + 1 or y + h > height + 1:
        return '', '', 'a box reaches out of its picture'
    return '', '', ''


def are_corners(boxes: Iterable[tuple[Any, float, float]]) -> bool:
    """Whether boxes seem to be x1, y1, x2, y2.

    That is, all of them can be, and read as x, y, width, height a quarter or
    more, of three at least, would reach out of their pictures.

    Args:
        boxes: Each with width and height of its picture.
    """
    total = outside = 0
    for box, width, height in boxes:
        if not are_numbers(box) or len(box) != 4:
            return False
        x, y, a, b = box
        if not (x < a <= width + 1 and y < b <= height + 1):
            return False
        total += 1
        outside += x + a > width + 1 or y + b > height + 1
    return total > 2 and outside * 4 >= total


def are_normalised(boxes: Iterable[Any]) -> bool:
    """Whether there are boxes, and all are within (0, 0) and (1, 1)."""
    found = False
    for box in boxes:
        found = are_numbers(box) and len(box) == 4 and max(box) <= 1
        if not found or min(box) < 0:
            return False
    return found


def segmentation_fault(mask: Any, width: float, height: float) -> str:
    """Return what is wrong with polygons or a run-length code, or ''."""
    if not mask:
        return 'an object has a box and no mask (segmentation)'
    if isinstance(mask, Mapping):
        size = mask.get('size')
        if list(size or ()) != [height, width] and math.isfinite(width):
            return (
                'a run-length mask has another size than its picture: '
                f'{size}, not {[height, width]}'
            )
        return _counts_fault(mask.get('counts'), width, height)
    if not isinstance(mask, list):
        return 'a mask must be a list of polygons or a run-length code'
    for polygon in mask:
        if not isinstance(polygon, list):
            return 'a mask must be a list of polygons: [[x1, y1, x2, ...]]'
        if len(polygon) < LEAST or len(polygon) % 2:
            return (
                'a polygon needs an even number of coordinates, 6 or more; '
                f'one has {len(polygon)}'
            )
        if not are_numbers(polygon):
            return 'a polygon has what are no finite numbers'
    if all(_is_outside(polygon, width, height) for polygon in mask):
        return 'all polygons of an object lie outside its picture'
    return ''


def _counts_fault(counts: Any, width: float, height: float) -> str:
    """Numbers that do not fill the mask leave what memory happens to hold."""
    if not counts:
        return 'a run-length mask is empty'
    if not isinstance(counts, list):  # compressed: a step opens it
        return ''
    if not all(type(count) is int and count >= 0 for count in counts):
        return 'a run-length mask has counts that are no whole numbers'
    total = sum(counts)
    if math.isfinite(width) and total != width * height:
        return (
            f'the counts of a run-length mask are {total} pixels in all, and '
            f'its picture has {width * height}'
        )
    return ''


def _is_outside(polygon: list[float], width: float, height: float) -> bool:
    xs, ys = polygon[::2], polygon[1::2]
    return (
        min(xs) >= width or min(ys) >= height or max(xs) <= 0 or max(ys) <= 0
    )


def keypoints_fault(
    points: Any, count: int, width: float, height: float
) -> tuple[str, int, str]:
    """Check x, y, visibility of each keypoint of an object.

    Returns:
        tuple: What is an error or '', how many are visible, and what is odd
        or ''.
    """
    if not are_numbers(points):
        return 'keypoints must be finite numbers', 0, ''
    if len(points) != 3 * count:
        return (
            f'the config has {count} keypoints, so an object needs '
            f'{3 * count} numbers; one has {len(points)}',
            0,
            '',
        )
    triples = list(zip(points[::3], points[1::3], points[2::3], strict=True))
    if any(state not in (0, 1, 2) for *_, state in triples):
        return (
            'the visibility of a keypoint must be 0 (not labelled), 1 '
            '(hidden) or 2 (visible)',
            0,
            '',
        )
    labelled = [(x, y) for x, y, state in triples if state]
    small = [0 <= x <= 1 and 0 <= y <= 1 for x, y in labelled]
    if len(small) > 1 and all(small):
        return 'keypoints are normalised, and must be in pixels', 0, ''
    outside = any(
        not (-1 <= x <= width + 1 and -1 <= y <= height + 1)
        for x, y in labelled
    )
    odd = 'a keypoint lies outside its picture' if outside else ''
    return '', len(labelled), odd


def are_numbers(values: Any) -> bool:
    """Whether it is a list of finite numbers."""
    return isinstance(values, list) and all(map(is_number, values))


def is_number(value: Any) -> bool:
    """Whether it is a finite number, and no bool."""
    return type(value) in (int, float) and math.isfinite(value)
