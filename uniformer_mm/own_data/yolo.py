"""Folders in YOLO's format: a text file per picture, normalised numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from uniformer_mm.own_data.contents import Contents, Picture, Thing
from uniformer_mm.own_data.files import (
    PICTURES,
    files_below,
    picture_size,
    utf8_text,
)
from uniformer_mm.own_data.splits import split_of

__all__ = ['find_yolo', 'read_yolo']

NAMES = ('classes.txt', 'obj.names', 'predefined_classes.txt')


def find_yolo(root: Path) -> dict[str, str]:
    """Pictures below a folder -> their label files; those without have ''.

    Empty if there are no label files at all.
    """
    texts = set(files_below(root, ['.txt']))
    found = {}
    for picture in files_below(root, PICTURES):
        stem = picture.rpartition('.')[0]
        moved = re.sub(r'(^|/)images(/|$)', r'\1labels\2', stem)
        names = [f'{moved}.txt', f'{stem}.txt', f'labels/{stem}.txt']
        found[picture] = next((n for n in names if n in texts), '')
    return found if any(found.values()) else {}


def read_yolo(root: Path, found: Mapping[str, str]) -> Contents:
    """Read the label files of pictures.

    Args:
        root: Of the data.
        found: Of ``find_yolo``.

    Raises:
        ValueError: No names of classes, or a line is wrong: file and line.
    """
    classes = _class_names(root)
    contents = Contents('YOLO txt', {}, classes)
    for name, labels in found.items():
        picture = Picture(name, *picture_size(root / name))
        if labels:
            lines = utf8_text(root / labels).splitlines()
            for number, line in enumerate(lines, 1):
                if line.strip():
                    at = f'{root / labels}: line {number}'
                    picture.things.append(_thing(line, picture, classes, at))
        folder = name.rpartition('/')[0]
        contents.splits.setdefault(split_of(folder), []).append(picture)
    bare = sum(not labels for labels in found.values())
    if bare:
        contents.notes.append(
            f'{bare} pictures have no label file, and so no objects'
        )
    lost = sorted(_label_files(root) - set(found.values()))
    if lost:
        contents.notes.append(
            f'{len(lost)} label files have no picture, such as {lost[0]}'
        )
    return contents


def _label_files(root: Path) -> set[str]:
    """Text files in folders of labels: elsewhere they may be anything."""
    texts = files_below(root, ['.txt'])
    return {
        name
        for name in texts
        if '/labels/' in f'/{name}' and name.rpartition('/')[2] not in NAMES
    }


def _class_names(root: Path) -> list[str]:
    for name in files_below(root, ['.yaml', '.yml']):
        try:
            told = yaml.safe_load(utf8_text(root / name))
        except yaml.YAMLError as error:
            raise ValueError(f'{root / name} is no YAML: {error}') from error
        if not isinstance(told, Mapping):
            continue
        if 'kpt_shape' in told:
            raise ValueError(
                f'{root / name} is of keypoints (kpt_shape), whose lines '
                'are not read: give boxes or polygons, or json of COCO with '
                'keypoints to `init pose`'
            )
        names = told.get('names')
        if isinstance(names, Mapping):
            if set(names) != set(range(len(names))):
                raise ValueError(
                    f'{root / name}: names must be numbered from 0, got '
                    f'{list(names)}'
                )
            names = [names[i] for i in range(len(names))]
        if not names:
            continue
        # YAML reads yes and no as True and False.
        if not isinstance(names, list) or any(
            type(one) not in (str, int) for one in names
        ):
            raise ValueError(
                f'{root / name}: names must be a list of texts (in quotes '
                f'where YAML has another meaning), got {names!r}'
            )
        return [str(one).strip() for one in names]
    for path in files_below(root, ['.txt', '.names']):
        if path.rpartition('/')[2] in NAMES:
            lines = utf8_text(root / path).splitlines()
            return [line.strip() for line in lines if line.strip()]
    raise ValueError(
        f'{root} has labels of YOLO and no names of classes: add data.yaml '
        "with 'names: [...]', or classes.txt with a name per line"
    )


def _thing(
    line: str, picture: Picture, classes: Sequence[str], at: str
) -> Thing:
    """Read 'CLASS X Y W H' or 'CLASS X1 Y1 X2 Y2 X3 Y3 ...'."""
    try:
        label, *numbers = map(float, line.split())
    except ValueError:
        raise ValueError(f'{at}: not all are numbers: {line!r}') from None
    if label not in range(len(classes)):
        raise ValueError(
            f'{at}: class {label:g}, and there are {len(classes)}: {classes}'
        )
    if any(not -0.01 <= n <= 1.01 for n in numbers):
        raise ValueError(f'{at}: coordinates must lie in [0, 1]: {line!r}')
    name, mask = classes[int(label)], None
    if len(numbers) == 4:
        x, y, w, h = numbers
        left, top = x - w / 2, y - h / 2
    elif len(numbers) >= 6 and len(numbers) % 2 == 0:
        xs, ys = numbers[::2], numbers[1::2]
        left, top = min(xs), min(ys)
        w, h = max(xs) - left, max(ys) - top
        scale = (picture.width, picture.height)
        mask = [[n * scale[i % 2] for i, n in enumerate(numbers)]]
    else:
        raise ValueError(
            f'{at}: a class needs 4 numbers (box), or 6 or more in pairs '
            f'(polygon), got {len(numbers)}'
        )
    box: list[Any] = [
        left * picture.width,
        top * picture.height,
        w * picture.width,
        h * picture.height,
    ]
    return Thing(name, box, mask)
