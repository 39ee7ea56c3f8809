"""How cost grows with size: points and exponents out of measurements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import numpy as np

from benchmarks.table import Row

__all__ = ['LAST', 'cost_points', 'exponent', 'growth_rows', 'size_of']

LAST = 3  # sizes that an exponent is fitted to


def size_of(row: Row) -> int:
    """Return pixels of an image, or frames of a video."""
    sides = [int(side) for side in row.shape.split('x')]
    return sides[0] if len(sides) == 3 else prod(sides)


def growth_rows(rows: Iterable[Row]) -> list[Row]:
    """Return those of one square image, or of one clip, forward in float32."""
    return [
        row
        for row in rows
        if (row.batch, row.direction, row.dtype) == (1, 'forward', 'fp32')
        and len(set(row.shape.split('x')[-2:])) == 1
    ]


def cost_points(
    rows: Iterable[Row], model: str, mode: str, what: str
) -> list[tuple[float, float]]:
    """Return (size, cost) of ``model`` in ``mode``, the smallest first.

    Args:
        rows: Of one machine, batch, direction and dtype.
        model: One of ``MODELS``.
        mode: Such as 'eager'.
        what: 'seconds' or 'MiB'.
    """
    points = []
    for row in rows:
        value = row.median_s if what == 'seconds' else row.peak_mem_mib
        if (row.model, row.mode) == (model, mode) and value is not None:
            points.append((float(size_of(row)), value))
    return sorted(points)


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """Return e of cost ~ size**e, fitted to the ``LAST`` points.

    None where there are fewer.
    """
    if len(points) < LAST:
        return None
    sizes, costs = np.log(np.array(points[-LAST:])).T
    return float(np.polyfit(sizes, costs, 1)[0])
