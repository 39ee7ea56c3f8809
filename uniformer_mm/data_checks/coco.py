"""Annotation files in COCO's format: boxes, masks and keypoints."""

from __future__ import annotations

import difflib
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from uniformer_mm.data_checks.coco_objects import (
    AGAIN,
    Annotations,
    CocoNeeds,
    hashable,
    is_int,
)
from uniformer_mm.data_checks.coco_repeats import check_repeats
from uniformer_mm.data_checks.finding import Collector, Finding, errors_of
from uniformer_mm.data_checks.shapes import is_number

__all__ = ['CocoNeeds', 'check_coco']

PARTS = ('images', 'annotations', 'categories')


# A runner asks twice. Findings are kept, and not the content of the files,
# which takes gigabytes; errors are not kept, for they may be mended.
_SOUND: dict[tuple[Path, int, int, CocoNeeds], tuple[Finding, ...]] = {}


def check_coco(path: Path, needs: CocoNeeds) -> list[Finding]:
    """Check a file; one without errors is read once for the same needs.

    Args:
        path: It exists.
        needs: See there.
    """
    state = path.stat()
    key = (path.resolve(), state.st_mtime_ns, state.st_size, needs)
    if key in _SOUND:
        return list(_SOUND[key])
    found = Collector(str(path))
    content = read_json(path, found)
    if content is not None:
        _check_content(content, needs, found)
    findings = found.findings()
    if not errors_of(findings):
        _SOUND[key] = tuple(findings)
    return findings


def read_json(path: Path, found: Collector) -> Any:
    """Return what a file holds, or None and a finding."""
    if not path.stat().st_size:
        found.error('the file is empty', 'write or fetch it again')
        return None
    try:
        # As hosts read it: ``json.loads`` of bytes would take UTF-16 too.
        return json.loads(path.read_bytes().decode())
    except json.JSONDecodeError as error:
        marked = 'BOM' in error.msg
        found.error(
            f'it is no json: {error.msg}',
            'save it as UTF-8 without the mark that it begins with'
            if marked
            else 'write or fetch it again',
            f'line {error.lineno}, column {error.colno}',
        )
    except UnicodeDecodeError:
        found.error('it is no json: no UTF-8 text', 'save it as UTF-8')
    return None


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
    annotations = lists.get('annotations', [])
    Annotations(images, labels, needs, found).check(annotations)
    check_repeats(annotations, found)


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
        if not is_int(key):
            found.error(
                'the id of a category must be a whole number',
                AGAIN,
                f'{place}, id {key!r}',
            )
        if key in names:
            found.error('two categories have one id', AGAIN, place)
        names[hashable(key)] = category['name']
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
        if not is_int(key):
            found.error(
                'the id of a picture must be a whole number',
                AGAIN,
                f'image {i}, id {key!r}',
            )
        if hashable(key) in sizes:
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
        sizes[hashable(key)] = size  # type: ignore[assignment]
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
            + (f', but {like[0]!r} is' if like else '')
            + (', whose folders are parted by /' if '\\' in name else ''),
            'set data_prefix, put it there, or take it out of the file',
            name,
        )


def _is_side(value: Any) -> bool:
    return is_number(value) and value >= 1
