"""Resizing of 8-bit pictures: OpenCV's, or its arithmetic in NumPy.

OpenCV computes bilinear and Lanczos resizing in integers, which NumPy repeats
to the bit; nearest needs none. Area and cubic values differ by one grey level
at most, where a sum lies between two levels (OpenCV itself has two versions
of cubic, with and without Intel's library).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np

from uniformer_mm.checks import check_choice, check_count
from uniformer_mm.portable.pictures import Array

__all__ = ['METHODS', 'resize']

cv2: Any = None
# Also where one of its libraries is missing.
with suppress(ImportError):
    cv2 = import_module('cv2')

UNIT = 2048
"""What OpenCV's integer weights sum up to."""


def resize(picture: Array, height: int, width: int, method: str) -> Array:
    """Resize a picture as ``cv2.resize`` does.

    Args:
        picture: (H, W, C), uint8.
        height: Of the result, >= 1.
        width: Of the result, >= 1.
        method: A key of ``METHODS``, named as in OpenCV.

    Returns:
        Array: (height, width, C), uint8.

    Raises:
        TypeError: ``height`` or ``width`` is no int.
        ValueError: One is below 1, or the method is unknown.
    """
    check_count('height', height)
    check_count('width', width)
    check_choice('method', method, METHODS)
    if picture.shape[:2] == (height, width):
        return picture.copy()
    if cv2 is not None:
        flag = getattr(cv2, method)
        result: Array = cv2.resize(
            picture, (width, height), interpolation=flag
        )
        return result
    return METHODS[method](picture, height, width)


def _places(size: int, new: int) -> tuple[Array, Array]:
    """Return the cell before each new one's centre, and the way beyond it."""
    centre = ((np.arange(new) + 0.5) * (size / new) - 0.5).astype(np.float32)
    cell = np.floor(centre)
    return cell.astype(np.int64), (centre - cell).astype(np.float32)


def _integers(weights: Array) -> Array:
    return np.rint(weights.astype(np.float32) * UNIT).astype(np.int64)


def _nearest(picture: Array, height: int, width: int) -> Array:
    rows, columns = (
        np.minimum(np.floor(np.arange(new) * (size / new)), size - 1)
        for size, new in zip(picture.shape[:2], (height, width), strict=True)
    )
    return picture[rows.astype(int)[:, None], columns.astype(int)]


def _places_of_areas(size: int, new: int) -> tuple[Array, Array]:
    """Return ``_places`` by which areas grow: sharp, but for their borders."""
    number = np.arange(new)
    cell = np.floor(number * (size / new))
    beyond = (number + 1 - (cell + 1) * (new / size)).astype(np.float32)
    return cell.astype(np.int64), beyond.clip(0) % 1


def _linear(
    picture: Array,
    height: int,
    width: int,
    places: Callable[[int, int], tuple[Array, Array]] = _places,
) -> Array:
    x = picture.astype(np.int64)
    cell, beyond = places(x.shape[1], width)
    last = x.shape[1] - 1
    # OpenCV does so with columns alone: the rounding of rows shows it.
    beyond = np.where((cell < 0) | (cell >= last), 0, beyond)
    cell = cell.clip(0, last)
    x = (
        x[:, cell] * _integers(1 - beyond)[:, None]
        + x[:, np.minimum(cell + 1, last)] * _integers(beyond)[:, None]
    ) >> 4
    cell, beyond = places(x.shape[0], height)
    last = x.shape[0] - 1
    upper = x[cell.clip(0, last)] * _integers(1 - beyond)[:, None, None]
    lower = x[(cell + 1).clip(0, last)] * _integers(beyond)[:, None, None]
    result: Array = ((upper >> 16) + (lower >> 16) + 2) >> 2
    return result.astype(np.uint8)


def _lanczos(picture: Array, height: int, width: int) -> Array:
    x = picture.astype(np.int64)
    for axis, new in ((1, width), (0, height)):
        cell, beyond = _places(x.shape[axis], new)
        way = beyond[:, None].astype(np.float64) - np.arange(-3, 5)
        weights = np.sinc(way) * np.sinc(way / 4)
        weights /= weights.sum(1, keepdims=True)
        x = _weighted(x, axis, cell, -3, _integers(weights))
    half = UNIT * UNIT // 2
    result: Array = ((x + half) // (UNIT * UNIT)).clip(0, 255)
    return result.astype(np.uint8)


def _cubic(picture: Array, height: int, width: int) -> Array:
    x = picture.astype(np.float64)
    for axis, new in ((1, width), (0, height)):
        centre = (np.arange(new) + 0.5) * (x.shape[axis] / new) - 0.5
        cell = np.floor(centre)
        way = np.abs((centre - cell)[:, None] - np.arange(-1, 3))
        # Keys's kernel with a = -0.75.
        near = (1.25 * way - 2.25) * way**2 + 1
        far = -0.75 * (((way - 5) * way + 8) * way - 4)
        weights = np.where(way <= 1, near, far)
        x = _weighted(x, axis, cell.astype(np.int64), -1, weights)
    return np.rint(x).clip(0, 255).astype(np.uint8)


def _weighted(
    x: Array, axis: int, cell: Array, first: int, weights: Array
) -> Array:
    """Sum cells along an axis, the border's repeated.

    Args:
        x: (H, W, C).
        axis: 0 or 1.
        cell: (new,), cell that stands for each new one.
        first: Of the cells that count, beside it.
        weights: (new, number of cells that count).
    """
    last = x.shape[axis] - 1
    shape = (-1, 1, 1) if axis == 0 else (-1, 1)
    total: Array = np.zeros((), x.dtype)
    for i, weight in enumerate(weights.T):
        cells = np.take(x, (cell + first + i).clip(0, last), axis)
        total = total + cells * weight.reshape(shape)
    return total


def _area(picture: Array, height: int, width: int) -> Array:
    rows, columns = picture.shape[:2]
    if height > rows or width > columns:
        return _linear(picture, height, width, _places_of_areas)
    if (rows, columns) == (2 * height, 2 * width):
        x = picture.astype(np.int64)
        four = x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]
        half_up: Array = (four + 2) >> 2
        return half_up.astype(np.uint8)
    x = np.tensordot(_overlaps(rows, height), picture.astype(np.float64), 1)
    x = np.tensordot(x, _overlaps(columns, width), (1, 1)).swapaxes(1, 2)
    return np.rint(x).clip(0, 255).astype(np.uint8)


def _overlaps(size: int, new: int) -> Array:
    """Return (new, size): the share of each cell in each new one."""
    edges = np.arange(new + 1) * (size / new)
    cells = np.arange(size)
    upper = np.minimum(edges[1:, None], cells + 1)
    share = (upper - np.maximum(edges[:-1, None], cells)).clip(0)
    result: Array = share / share.sum(1, keepdims=True)
    return result


METHODS: dict[str, Callable[[Array, int, int], Array]] = {
    'INTER_NEAREST': _nearest,
    'INTER_LINEAR': _linear,
    'INTER_AREA': _area,
    'INTER_CUBIC': _cubic,
    'INTER_LANCZOS4': _lanczos,
}
"""Name in OpenCV -> its arithmetic here."""
