"""Annotation files in COCO's format: boxes, masks and keypoints."""

from __future__ import annotations

import difflib
import functools
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uniformer_mm.data_checks.finding import Collector, Finding
from uniformer_mm.data_checks.shapes import (
    bbox_fault,
    keypoints_fault,
    segmentation_fault,
)

__all__ = ['CocoNeeds', 'check_coco', 'read_json']

PARTS = ('images', 'annotations', 'categories')
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


def check_coco(path: Path, needs: CocoNeeds) -> list[Finding]:
    """Check a file; the same file is read once for the same needs.

    Args:
        path: It exists.
        needs: See there.
    """
    state = path.stat()
    return list(_checked(path, state.st_mtime_ns, state.st_size, needs))


def read_json(path: Path, found: Collector) -> Any:
    """Return what a file holds, or None and a finding."""
    if not path.stat().st_size:
        found.error('the file is empty', 'write or fetch it again')
        return None
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        found.error(
            f'it is no json: {error.msg}',
            'write or fetch it again',
            f'line {error.lineno}, column {error.colno}',
        )
    except UnicodeDecodeError:
        found.error('it is no json: no UTF-8 text', 'write it again')
    return None


# Findings are kept, the content of the file is not: it takes gigabytes.
@functools.lru_cache(maxsize=64)
def _checked(
    path: Path, _changed: int, _size: int, needs: CocoNeeds
) -> tuple[Finding, ...]:
    found = Collector(str(path))
    content = read_json(path, found)
    if content is not None:
        _check_content(content, needs, found)
    return tuple(found.findings())


def _check_content(content: Any, needs: CocoNeeds, found: Collector) -> None:
    lists = content if isinstance(content, Mapping) else {}
    missing = [part for part in PARTS if not isinstance(lists.get(part), list)]
    # Pictures to be sent to a server have no annotations.
    if missing == ['annotations'] and not needs.evaluated:
        missing = []
    if missing:
        found.error(
            f"it is not of COCO's format: no list {', '.join(missing)}",
            'see https://cocodataset.org/#format-data, or convert the data '
            'by `uniformer-mm init`',
        )
        return
    labels = _check_categories(lists['categories'], needs, found)
    images = _check_images(lists['images'], needs, found)
    _Annotations(images, labels, needs, found).check(
        lists.get('annotations', [])
    )


def _check_categories(
    categories: Sequence[Any], needs: CocoNeeds, found: Collector
) -> dict[Any, str]:
    """Return id -> name of what is used."""
    names: dict[Any, str] = {}
    for i, category in enumerate(categories):
        place = f'category {i}'
        if not isinstance(category, Mapping) or not isinstance(
            category.get('name'), str
        ):
            found.error('a category needs an id and a name', AGAIN, place)
            continue
        key = category.get('id')
        if not _is_int(key):
            found.error(
                'the id of a category must be a whole number',
                AGAIN,
                f'{place}, id {key!r}',
            )
        if key in names:
            found.error('two categories have one id', AGAIN, place)
        names[_hashable(key)] = category['name']
    for name, count in Counter(names.values()).items():
        if count > 1:
            found.error(
                f'{count} categories have the name {name!r}', 'merge them'
            )
    if needs.keypoints is not None:
        _check_names_of_keypoints(categories, needs.keypoints, found)
    if needs.classes is None:
        return names
    _compare_classes(list(names.values()), list(needs.classes), found)
    return {k: n for k, n in names.items() if n in needs.classes}


def _compare_classes(
    names: list[str], classes: list[str], found: Collector
) -> None:
    known = [name for name in names if name in classes]
    if known == classes:
        return
    hints = [
        f'{name!r} may be {near[0]!r}'
        for name in classes
        if name not in names
        and (
            near := [n for n in names if n.lower() == name.lower()]
            or difflib.get_close_matches(name, names, 1)
        )
    ]
    if not hints and all(len(name) == 1 for name in classes):
        joined = ''.join(classes)
        hints = [f'a tuple of one needs its comma: ({joined!r},)']
    found.error(
        'metainfo.classes must be names of its categories, in the order of '
        'the file, by which mmdet numbers them, whatever their ids. The '
        f'config has {classes}, the file {names}'
        + ''.join(f'; {hint}' for hint in hints),
        'Set metainfo of train_dataloader.dataset, val_dataloader and '
        'test_dataloader, or put the categories of the files in one order',
    )


def _check_names_of_keypoints(
    categories: Sequence[Any], count: int, found: Collector
) -> None:
    for category in categories:
        named = isinstance(category, Mapping) and category.get('keypoints')
        if isinstance(named, list) and len(named) != count:
            found.error(
                f'the config has {count} keypoints, category '
                f'{category.get("name")!r} {len(named)}: {named}',
                'list the same in metainfo, in this order, and set the '
                "head's out_channels",
            )


def _check_images(
    images: Sequence[Any], needs: CocoNeeds, found: Collector
) -> dict[Any, tuple[float, float]]:
    """Return id -> (width, height)."""
    if not images:
        found.error('it has no pictures', 'list them in `images`')
    sizes: dict[Any, tuple[float, float]] = {}
    files: Counter[str] = Counter()
    for i, image in enumerate(images):
        if not isinstance(image, Mapping):
            found.error('a picture must be an object', AGAIN, f'image {i}')
            continue
        key, name = image.get('id'), image.get('file_name')
        if not _is_int(key):
            found.error(
                'the id of a picture must be a whole number',
                AGAIN,
                f'image {i}, id {key!r}',
            )
        if _hashable(key) in sizes:
            found.error('two pictures have one id', AGAIN, f'image {key}')
        if not isinstance(name, str) or not name:
            found.error('a picture has no file_name', AGAIN, f'image {key}')
        else:
            files[name] += 1
        size = image.get('width'), image.get('height')
        if not all(map(_is_side, size)):
            found.error(
                'width and height of a picture must be numbers of 1 or more',
                AGAIN,
                f'image {key}',
            )
            size = (math.inf, math.inf)
        sizes[_hashable(key)] = size  # type: ignore[assignment]
    for name, count in files.items():
        if count > 1:
            found.warning(
                'a picture is listed more than once',
                'merge its entries',
                name,
            )
    if needs.folder is not None:
        _check_files(list(files), needs.folder, found)
    return sizes


def _check_files(names: Sequence[str], folder: str, found: Collector) -> None:
    there: dict[str, set[str]] = {}  # a listing is faster than many questions
    missing = []
    for name in names:
        head, tail = os.path.split(os.path.join(folder, name))
        if head not in there:
            there[head] = (
                set(os.listdir(head)) if os.path.isdir(head) else set()
            )
        if tail not in there[head]:
            missing.append(name)
    for name in missing:
        head, tail = os.path.split(os.path.join(folder, name))
        like = [n for n in there[head] if n.lower() == tail.lower()]
        found.error(
            f'a picture is not in {folder}'
            + (f', but {like[0]!r} is' if like else ''),
            'set data_prefix, put it there, or take it out of the file',
            name,
        )


class _Annotations:
    """Checks of the objects, which share what is known of the file."""

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
        ids: set[Any] = set()
        usable: Counter[Any] = Counter()
        normalised = bool(annotations)
        for i, one in enumerate(annotations):
            if not isinstance(one, Mapping):
                self.found.error(
                    'an annotation must be an object',
                    AGAIN,
                    f'annotation {i}',
                )
                normalised = False
                continue
            self._check_id(one.get('id'), i, ids)
            if self._is_usable(one, f'annotation {one.get("id", i)}'):
                usable[one.get('category_id')] += 1
            box = one.get('bbox')
            normalised = normalised and _is_small(box)
        if normalised:
            self.found.error(
                'all boxes are within (0, 0) and (1, 1): they are normalised',
                'multiply them by the size of their picture: x, y, width, '
                'height in pixels',
            )
        boxes = self.needs.keypoints is None
        if boxes and self.needs.evaluated and not annotations:
            self.found.warning(
                'it has no annotations', 'nothing can be scored with it'
            )
            return
        self._check_counts(len(annotations), usable, normalised)

    def _check_id(self, key: Any, i: int, ids: set[Any]) -> None:
        if not _is_int(key):
            self.found.error(
                'the id of an annotation must be a whole number',
                AGAIN,
                f'annotation {i}, id {key!r}',
            )
        elif key in ids:
            self.found.error(
                'two annotations have one id', AGAIN, f'annotation {key}'
            )
        ids.add(_hashable(key))

    def _is_usable(self, one: Mapping[str, Any], at: str) -> bool:
        """Note what is wrong; return whether it is trained on."""
        found = self.found
        size = self.images.get(_hashable(one.get('image_id')))
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
            _hashable(one.get('category_id')) in self.labels
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
        elif area is not None and not _is_number(area):
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
                    'it can not be learnt nor scored',
                )


def _is_small(box: Any) -> bool:
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(_is_number(n) and 0 <= n <= 1 for n in box)
    )


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_side(value: Any) -> bool:
    return _is_number(value) and value >= 1


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _hashable(value: Any) -> Any:
    return repr(value) if isinstance(value, (list, dict)) else value
