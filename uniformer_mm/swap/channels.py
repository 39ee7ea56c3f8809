"""Which of our stages stands for which map, and who must know its channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

__all__ = ['STRIDES', 'match_stages', 'with_channels']

STRIDES = (4, 8, 16, 32)
# Parts that give as many channels as they take; TPN's second one takes the
# last map's alone.
FOLLOWERS = ('roi_extractor', 'spatial_modulation_cfg')


def match_stages(strides: Sequence[float]) -> tuple[int, ...]:
    """Choose stages for maps of these strides, finest first.

    A stage stands for one map, in order; of the choices the one whose strides
    are nearest, and of equally near ones the coarsest.

    Raises:
        ValueError: More than four maps, or coarse maps before fine ones.
    """
    if not 1 <= len(strides) <= len(STRIDES):
        raise ValueError(
            f'it gives {len(strides)} maps, ours gives 1 to {len(STRIDES)}'
        )
    if list(strides) != sorted(strides):
        raise ValueError(
            f'it gives maps of strides {list(strides)}, ours goes from fine '
            'to coarse'
        )

    def distance(stages: tuple[int, ...]) -> float:
        pairs = zip(stages, strides, strict=True)
        gaps = (abs(math.log2(STRIDES[i] / stride)) for i, stride in pairs)
        return round(sum(gaps), 6)

    choices = combinations(range(len(STRIDES)), len(strides))
    return min(reversed(list(choices)), key=distance)


def with_channels(part: Any, old: list[int], new: list[int]) -> Any:
    """Copy a neck or head with ``new`` in place of ``old`` channels.

    What is known by its name and equal to what the old maps have is replaced;
    all else stays, so that channels inside of a head are left alone.
    """
    return _walk(part, old, new, top=True)


def _walk(
    part: Any, old: list[int], new: list[int], *, top: bool, name: str = ''
) -> Any:
    if isinstance(part, (list, tuple)):
        walked = [_walk(v, old, new, top=top, name=name) for v in part]
        return type(part)(walked)
    if not isinstance(part, dict):
        return part
    changed = part.copy()
    index = part.get('in_index', -1)
    for key, value in part.items():
        follows = key == 'out_channels' and name.endswith(FOLLOWERS)
        if key == 'c1_in_channels':
            changed[key] = new[0] if value == old[0] else value
        elif key == 'in_channels' or follows:
            known = top or 'in_index' in part or value == old[-1]
            if known or not isinstance(value, int):
                changed[key] = _replaced(value, old, new, index)
        elif isinstance(value, (dict, list, tuple)):
            changed[key] = _walk(value, old, new, top=False, name=key)
    bare = part.get('num_convs') == 0  # then a head has no channels of its own
    if bare and part.get('channels') == part.get('in_channels', ()):
        changed['channels'] = changed['in_channels']
    return changed


def _replaced(value: Any, old: list[int], new: list[int], index: Any) -> Any:
    if isinstance(value, int):
        if isinstance(index, int) and old[index:][:1] == [value]:
            return new[index]
        if value == sum(old):
            return sum(new)
        return new[old.index(value)] if old.count(value) == 1 else value
    if isinstance(index, (list, tuple)) and index:
        old, new = [old[i] for i in index], [new[i] for i in index]
    for before, after in ((old, new), (old[::-1], new[::-1])):
        for start in range(len(before)):
            end = start + len(value)
            if list(value) == before[start:end]:
                return type(value)(after[start:end])
    return value
