"""Objects that a file in COCO's format lists more than once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uniformer_mm.data_checks.coco_objects import hashable
from uniformer_mm.data_checks.finding import Collector
from uniformer_mm.data_checks.shapes import are_numbers

__all__ = ['check_repeats']


def check_repeats(annotations: Sequence[Any], found: Collector) -> None:
    """Warn of objects of one picture, category and box.

    A crowd is no repeat of an object.

    Args:
        annotations: Those of the file; what is none is passed over.
        found: Gets one warning, with the ids of all of them.
    """
    first: dict[tuple[Any, ...], Any] = {}
    places = []
    for i, one in enumerate(annotations):
        if not isinstance(one, Mapping) or not are_numbers(one.get('bbox')):
            continue
        key = (
            hashable(one.get('image_id')),
            hashable(one.get('category_id')),
            bool(one.get('iscrowd')),
            tuple(one['bbox']),
        )
        name = one.get('id', i)
        if key in first:
            places.append(f'annotation {name} as {first[key]}')
        else:
            first[key] = name
    for place in places:
        found.warning(
            f'{len(places):,} of its objects are listed before, with the '
            'same picture, category and box',
            'remove one of each: both are learnt, and a metric counts one '
            'of them as missed',
            place,
        )
