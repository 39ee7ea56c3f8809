"""Folders with json files of COCO: objects, or keypoints."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from uniformer_mm.own_data.contents import (
    PICTURES,
    Contents,
    Picture,
    Thing,
    files_below,
    split_of,
)

__all__ = ['find_coco', 'read_coco']

LISTS = ('images', 'annotations', 'categories')


def find_coco(root: Path) -> dict[str, Any]:
    """Paths below a folder -> the content of the COCO files among them.

    Raises:
        ValueError: A file is broken; the message names it.
    """
    found = {}
    for name in files_below(root, ['.json']):
        try:
            content = json.loads((root / name).read_bytes())
        except ValueError as error:
            raise ValueError(f'{root / name} is no json: {error}') from error
        if isinstance(content, Mapping) and all(
            isinstance(content.get(part), list) for part in LISTS
        ):
            found[name] = content
    return found


def read_coco(
    root: Path, files: Mapping[str, Any], *, keypoints: bool
) -> Contents:
    """Read COCO files, one per split or one for all.

    Args:
        root: Of the data.
        files: Of ``find_coco``.
        keypoints: Take those that have keypoints, else those of all objects.

    Raises:
        ValueError: There is none that fits, entries lack what they need, the
            files disagree, or their pictures are not there.
    """
    wanted = {
        name: content
        for name, content in files.items()
        if any('keypoints' in c for c in content['categories'])
        or not keypoints
    }
    if not keypoints:  # an export may hold both
        plain = {
            name: content
            for name, content in wanted.items()
            if not any('keypoints' in c for c in content['categories'])
        }
        wanted = plain or wanted
    if not wanted:
        raise ValueError(
            f'no category with keypoints in the json files of {root}: '
            f'{sorted(files)}'
        )
    contents = Contents('COCO json', {}, [])
    pictures = files_below(root, PICTURES)
    places = _Places(pictures)
    for name, content in wanted.items():
        try:
            read, classes = _pictures(content, places, contents.notes, name)
        except (KeyError, TypeError, ValueError) as error:
            what = f'no {error}' if isinstance(error, KeyError) else error
            raise ValueError(f'{root / name}: {what}') from error
        # One order for all: that of the first, what is new at the end.
        contents.classes += [c for c in classes if c not in contents.classes]
        contents.splits.setdefault(split_of(name), []).extend(read)
        if keypoints:
            _take_keypoints(content, contents, f'{root / name}')
    return contents


class _Places:
    """Finds pictures by the names that annotations give them."""

    def __init__(self, pictures: Iterable[str]) -> None:
        self.by_name: dict[str, list[str]] = {}
        for path in pictures:
            name = path.rpartition('/')[2].lower()
            self.by_name.setdefault(name, []).append(path)

    def find(self, name: str, split: str) -> str:
        """The picture whose path ends so, in the split's folder first."""
        name = name.replace('\\', '/').removeprefix('./')
        same = self.by_name.get(name.rpartition('/')[2].lower(), [])
        ends = [
            path
            for path in same
            if f'/{path}'.lower().endswith(f'/{name}'.lower())
        ] or same
        own = [p for p in ends if split_of(p.rpartition('/')[0]) == split]
        return next(iter(own or ends), '')


def _pictures(
    content: Mapping[str, Any], places: _Places, notes: list[str], file: str
) -> tuple[list[Picture], list[str]]:
    names = {c['id']: str(c['name']) for c in content['categories']}
    found: dict[Any, Picture] = {}
    lost = []
    for image in content['images']:
        path = places.find(image['file_name'], split_of(file))
        if not path:
            lost.append(image['file_name'])
            continue
        size = int(image['width']), int(image['height'])
        found[image['id']] = Picture(path, *size)
    if lost:
        notes.append(
            f'{file}: {len(lost)} pictures are not in the folder, such as '
            f'{lost[0]}, and are left out'
        )
    if not found:
        raise ValueError('none of its pictures is in the folder')
    dropped: Counter[str] = Counter()
    known = {image['id'] for image in content['images']}
    for one in content['annotations']:
        picture = found.get(one.get('image_id'))
        if picture is None:
            dropped['no such picture'] += one.get('image_id') not in known
            continue
        name = names.get(one.get('category_id'))
        box = one.get('bbox')
        if name is None or not box:
            dropped['no such category' if box else 'no box'] += 1
            continue
        mask = one.get('segmentation') or None
        thing = Thing(name, box, mask, bool(one.get('iscrowd')))
        thing.keypoints = one.get('keypoints')
        picture.things.append(thing)
    for why, count in dropped.items():
        if count:
            notes.append(f'{file}: {count} annotations left out: {why}')
    return list(found.values()), list(names.values())


def _take_keypoints(
    content: Mapping[str, Any], contents: Contents, file: str
) -> None:
    for category in content['categories']:
        names = list(map(str, category.get('keypoints') or ()))
        if not names:
            continue
        if contents.keypoints and contents.keypoints != names:
            raise ValueError(
                f'{file}: mmpose trains one kind of keypoints, and there are '
                f'{contents.keypoints} and {names}'
            )
        contents.keypoints = names
        contents.links = [
            (names[a - 1], names[b - 1])
            for a, b in category.get('skeleton') or ()
            if 0 < a <= len(names) and 0 < b <= len(names)
        ]
