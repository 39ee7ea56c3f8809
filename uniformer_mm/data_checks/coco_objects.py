"""The objects of a file in COCO's format, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uniformer_mm.data_checks.finding import Collector
from uniformer_mm.data_checks.shapes import (
    are_corners,
    are_normalised,
    bbox_fault,
    is_number,
    keypoints_fault,
    segmentation_fault,
)

__all__ = [
    'AGAIN',
    'Annotations',
    'CocoNeeds',
    'hashable',
    'is_int',
]

AGAIN = '`uniformer-mm init` writes a file that has it'


@dataclass(frozen=True)
class CocoNeeds:
    """What a data set and its model want of a file.

    Attributes:
        classes: Names in the order of the config; None if it has none.
        masks: Every object needs polygons or a run-length code.
        keypoints: How many each object needs; None for none at all.
        evaluated: A metric reads the file too.
        folder: Of the pictures; None where that can't be told.
    """

    classes: tuple[str, ...] | None = None
    masks: bool = False
    keypoints: int | None = None
    evaluated: bool = False
    folder: str | None = None


class Annotations:
    """Checks of the objects, which share what is known of the file.

    Args:
        images: Id -> (width, height) of its pictures.
        labels: Id -> name of the categories that are used.
        needs: What is wanted of it.
        found: Gets what is wrong.
    """

    def __init__(
        self,
        images: Mapping[Any, tuple[float, float]],
        labels: Mapping[Any, str],
        needs: CocoNeeds,
        found: Collector,
    ) -> None:
        self.images = images
        self.labels = labels
        self.needs = needs
        self.found = found
        self.left_out: Counter[str] = Counter()

    def check(self, annotations: Sequence[Any]) -> None:
        """Check all, and what is left of them."""
        ids: set[Any] = set()
        usable: Counter[Any] = Counter()
        boxes: list[tuple[Any, float, float]] = []
        for i, one in enumerate(annotations):
            if not isinstance(one, Mapping):
                self.found.error(
                    'an annotation must be an object',
                    AGAIN,
                    f'annotation {i}',
                )
                continue
            self._check_id(one.get('id'), i, ids)
            if self._is_usable(one, f'annotation {one.get("id", i)}'):
                usable[hashable(one.get('category_id'))] += 1
            size = self.images.get(hashable(one.get('image_id')))
            boxes.append((one.get('bbox'), *(size or (0, 0))))
        normalised = are_normalised(box for box, *_ in boxes)
        if normalised:
            self.found.error(
                'all boxes are within (0, 0) and (1, 1): they are normalised',
                'multiply them by the size of their picture: x, y, width, '
                'height in pixels',
            )
        elif are_corners(boxes):
            self.found.warning(
                'the boxes seem to be x1, y1, x2, y2: as x, y, width, height '
                'many reach out of their pictures',
                'write x1, y1, x2 - x1, y2 - y1',
            )
        plain = self.needs.keypoints is None
        if plain and self.needs.evaluated and not annotations:
            self.found.warning(
                'it has no annotations', 'nothing can be scored with it'
            )
            return
        self._check_counts(len(annotations), usable, normalised)

    def _check_id(self, key: Any, i: int, ids: set[Any]) -> None:
        if not is_int(key):
            self.found.error(
                'the id of an annotation must be a whole number',
                AGAIN,
                f'annotation {i}, id {key!r}',
            )
        elif key in ids:
            self.found.error(
                'two annotations have one id', AGAIN, f'annotation {key}'
            )
        ids.add(hashable(key))

    def _is_usable(self, one: Mapping[str, Any], at: str) -> bool:
        """Note what is wrong; return whether it is trained on."""
        found = self.found
        for key in ('image_id', 'category_id'):
            if isinstance(one.get(key), (list, dict)):
                found.error(f'{key} must be a whole number', AGAIN, at)
        size = self.images.get(hashable(one.get('image_id')))
        if size is None:
            found.warning(
                'an annotation is of a picture that is not listed: it is '
                'left out',
                'correct its image_id',
                at,
            )
            self.left_out['no picture of its image_id'] += 1
            return False
        # mmpose takes all categories.
        known = self.needs.keypoints is not None or (
            hashable(one.get('category_id')) in self.labels
        )
        if not known:
            found.warning(
                'an annotation is of no class of the config: it is left out',
                'add the class, or correct its category_id',
                at,
            )
            self.left_out['no class of its category_id'] += 1
            return False
        error, unused, odd = bbox_fault(one.get('bbox'), *size)
        if error:
            found.error(error, 'a box is x, y, width, height in pixels', at)
        if odd:
            found.warning(odd, 'correct it', at)
        usable = self._check_extent(one, at) and not unused
        if unused:
            found.warning(
                f'{unused}: it is left out', 'correct or remove it', at
            )
            self.left_out[unused] += 1
        if self.needs.masks and not one.get('iscrowd'):
            fault = segmentation_fault(one.get('segmentation'), *size)
            if fault:
                found.error(
                    fault,
                    'for boxes alone take a config without masks, '
                    'faster-rcnn_uniformer-s-h14_1x_custom.py',
                    at,
                )
        if self.needs.keypoints is not None:
            usable = self._check_keypoints(one, at, size) and usable
        return usable and not error

    def _check_extent(self, one: Mapping[str, Any], at: str) -> bool:
        area, crowd = one.get('area'), one.get('iscrowd')
        # mmpose does without; metrics of both do not.
        asked = self.needs.keypoints is None or self.needs.evaluated
        if area is None and asked:
            self.found.error('an annotation has no area', AGAIN, at)
        elif area is not None and not is_number(area):
            self.found.error('an area must be a number', AGAIN, at)
        elif area is not None and area <= 0 and self.needs.keypoints is None:
            self.found.warning(
                'an annotation has no area above 0: it is left out',
                'correct it',
                at,
            )
            self.left_out['area of 0 or below'] += 1
            return False
        if crowd is None and self.needs.evaluated:
            self.found.error('an annotation has no iscrowd', AGAIN, at)
        if crowd not in (None, 0, 1):
            self.found.error('iscrowd must be 0 or 1', AGAIN, at)
        if crowd:
            self.left_out['a crowd'] += 1
        return not crowd

    def _check_keypoints(
        self, one: Mapping[str, Any], at: str, size: tuple[float, float]
    ) -> bool:
        count = self.needs.keypoints or 0
        if 'keypoints' not in one:
            note = (
                self.found.error
                if self.needs.evaluated
                else self.found.warning
            )
            note(
                'an annotation has no keypoints', 'add them, or remove it', at
            )
            self.left_out['no keypoints'] += 1
            return False
        error, visible, odd = keypoints_fault(one['keypoints'], count, *size)
        if error:
            self.found.error(
                error, 'they are x, y, visibility of each, in pixels', at
            )
            return False
        if odd:
            self.found.warning(odd, 'correct it', at)
        if not visible or one.get('num_keypoints') == 0:
            self.left_out['no keypoint that is visible'] += 1
            return False
        return True

    def _check_counts(
        self, total: int, usable: Counter[Any], normalised: bool
    ) -> None:
        rules = ', '.join(f'{n:,} {why}' for why, n in self.left_out.items())
        if not usable.total():
            self.found.error(
                f'no annotation of {total:,} can be used'
                + (f' ({rules})' if rules else ''),
                'correct the file' if total else 'annotate the pictures',
            )
            return
        for key, name in self.labels.items():
            if not usable[key] and not normalised:
                self.found.warning(
                    f'class {name!r} has no annotation that can be used',
                    "it can't be learnt nor scored",
                )


def is_int(value: Any) -> bool:
    """Whether it is a whole number, and no bool."""
    return type(value) is int


def hashable(value: Any) -> Any:
    """The value, or its text where it is a list or a dict."""
    return repr(value) if isinstance(value, (list, dict)) else value
