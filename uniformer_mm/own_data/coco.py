"""Folders with json files of COCO: objects, or keypoints."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from uniformer_mm.data_checks.shapes import are_normalised
from uniformer_mm.own_data.contents import Contents, Picture, Thing
from uniformer_mm.own_data.files import PICTURES, files_below, picture_size
from uniformer_mm.own_data.places import Places
from uniformer_mm.own_data.splits import shared_notes, split_of

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
    places = Places(files_below(root, PICTURES))
    for name, content in wanted.items():
        try:
            read, classes = _pictures(content, root, places, contents, name)
        except (KeyError, TypeError, ValueError) as error:
            what = f'no {error}' if isinstance(error, KeyError) else error
            raise ValueError(f'{root / name}: {what}') from error
        # One order for all: that of the first, what is new at the end.
        contents.classes += [c for c in classes if c not in contents.classes]
        contents.splits.setdefault(split_of(name), []).extend(read)
        if keypoints:
            _take_keypoints(content, contents, f'{root / name}')
    names = {k: [p.file for p in v] for k, v in contents.splits.items()}
    contents.notes += shared_notes(names, 'their figures will be too good')
    return contents


def _pictures(
    content: Mapping[str, Any],
    root: Path,
    places: Places,
    contents: Contents,
    file: str,
) -> tuple[list[Picture], list[str]]:
    """The pictures of a file with what is in them, and its classes."""
    for part in LISTS:
        for i, one in enumerate(content[part]):
            if not isinstance(one, Mapping):
                raise ValueError(f'{part}[{i}] must be an object, got {one!r}')
    notes = contents.notes
    # Ids are texts, for files have 1 here and "1" there.
    names = {
        key: str(one['name']).strip()
        for key, one in _by_id(content['categories'], 'categories').items()
    }
    again = [name for name, n in Counter(names.values()).items() if n > 1]
    if again:
        notes.append(f'{file}: categories of one name are one class: {again}')
    found: dict[str, Picture] = {}
    lost = []
    images = _by_id(content['images'], 'images')
    for key, image in images.items():
        path = places.named(image['file_name'], split_of(file))
        if not path:
            lost.append(image['file_name'])
            continue
        width, height = image.get('width'), image.get('height')
        if not width or not height:
            width, height = picture_size(root / path)
        found[key] = Picture(path, int(width), int(height))
    if lost:
        notes.append(
            f'{file}: {len(lost)} pictures are not in the folder, such as '
            f'{lost[0]}, and are left out'
        )
    if not found:
        raise ValueError('none of its pictures is in the folder')
    counts = Counter(picture.file for picture in found.values())
    twice = [path for path, count in counts.items() if count > 1]
    if twice:
        raise ValueError(
            f'{len(twice)} pictures are listed twice, such as {twice[0]}: '
            'objects of one picture must have one image_id'
        )
    dropped: Counter[str] = Counter()
    for one in content['annotations']:
        picture = found.get(str(one.get('image_id')))
        if picture is None:
            unknown = str(one.get('image_id')) not in images
            dropped['no such picture'] += unknown
            continue
        name = names.get(str(one.get('category_id')))
        box = one.get('bbox')
        if name is None or not box:
            dropped['no such category' if box else 'no box'] += 1
            continue
        mask = one.get('segmentation') or None
        thing = Thing(name, box, mask, bool(one.get('iscrowd')))
        thing.keypoints = one.get('keypoints')
        picture.things.append(thing)
    if are_normalised(t.box for p in found.values() for t in p.things):
        raise ValueError(
            'its boxes are within (0, 0) and (1, 1): they must be x, y, '
            'width, height in pixels'
        )
    for why, count in dropped.items():
        if count:
            notes.append(f'{file}: {count} annotations left out: {why}')
    return list(found.values()), list(dict.fromkeys(names.values()))


def _by_id(
    entries: Iterable[Mapping[str, Any]], what: str
) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for one in entries:
        key = str(one['id'])
        if key in found:
            raise ValueError(f'two of its {what} have the id {key}')
        found[key] = one
    return found


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
