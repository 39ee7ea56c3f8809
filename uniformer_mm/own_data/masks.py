"""Folders of pictures and masks: pairs by name, and what the values mean."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from uniformer_mm.own_data.contents import (
    PICTURES,
    files_below,
    picture_size,
    split_of,
)

__all__ = ['MaskPair', 'Masks', 'read_masks', 'relabelled']

Array = np.ndarray[Any, np.dtype[Any]]
Value = int | tuple[int, int, int]

IGNORED = 255
# Beginnings of the names of folders, in lower case.
OF_MASKS = ('mask', 'label', 'annotation', 'gt', 'seg', 'ann')
OF_PICTURES = ('image', 'img', 'jpeg', 'leftimg', 'photo', 'picture', 'rgb')
MASK_TAIL = re.compile(
    r'([_-]gtfine)?[_-](mask|masks|label|labels|labelids|gt|seg|l)$', re.I
)
PICTURE_TAIL = re.compile(r'_leftimg8bit$', re.I)
NAMES = ('labelmap.txt', 'class_dict.csv', 'classes.txt')
MOST = 254  # classes


@dataclass(frozen=True)
class MaskPair:
    """Paths, below the folder, of a picture and its mask."""

    picture: str
    mask: str


@dataclass
class Masks:
    """What was found.

    Attributes:
        splits: As of ``Contents``.
        classes: Names in the order of their labels.
        labels: Value in the files -> label; colours are (R, G, B).
        notes: What a user should know of it.
    """

    splits: dict[str, list[MaskPair]]
    classes: list[str]
    labels: dict[Value, int]
    notes: list[str] = field(default_factory=list)


def read_masks(root: Path) -> Masks:
    """Find pictures and masks, and read all masks.

    Raises:
        ValueError: There are no pairs, a mask can't be read, is of another
            size than its picture, or they have too many values for classes.
    """
    pairs = _pairs(root)
    values: set[Value] = set()
    for pair in pairs:
        mask = read_mask(root / pair.mask)
        size = picture_size(root / pair.picture)
        if mask.shape[1::-1] != size:
            raise ValueError(
                f'{root / pair.mask} is {mask.shape[1]} x {mask.shape[0]} '
                f'pixels, its picture {size[0]} x {size[1]}'
            )
        values |= _values(mask)
        if len(values) > MOST:
            raise ValueError(
                f'the masks have more than {MOST} values up to '
                f'{root / pair.mask}: are they photographs, or JPEG, which '
                'blurs labels? Save them as PNG'
            )
    splits: dict[str, list[MaskPair]] = {}
    for pair in pairs:
        folder = pair.picture.rpartition('/')[0]
        splits.setdefault(split_of(folder), []).append(pair)
    classes, labels, notes = _labels(_names(root), values)
    return Masks(splits, classes, labels, notes)


def read_mask(path: Path) -> Array:
    """Class numbers or palette places (H, W), or colours (H, W, 3).

    Raises:
        ValueError: It can't be read.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            mode = picture.mode
            numbers = mode in ('1', 'L', 'P') or mode.startswith('I')
            array = np.asarray(picture if numbers else picture.convert('RGB'))
    except (OSError, SyntaxError) as error:
        raise ValueError(f'{path} can not be read: {error}') from error
    if array.ndim == 3 and (array == array[..., :1]).all():
        array = array[..., 0]  # grey, written as colours
    return array.astype(np.int64) if array.ndim == 2 else array


def relabelled(mask: Array, labels: Mapping[Value, int]) -> Array:
    """Return a mask (H, W), uint8, of labels; unknown values are ignored.

    Args:
        mask: Of ``read_mask``.
        labels: Of ``Masks``.
    """
    if mask.ndim == 3:
        mask = _packed(mask)
        labels = {_pack(v): label for v, label in labels.items()}
    result = np.full(mask.shape, IGNORED, np.uint8)
    for value, label in labels.items():
        result[mask == value] = label
    return result


def _pairs(root: Path) -> list[MaskPair]:
    files = files_below(root, PICTURES)
    pictures = [path for path in files if not _is_mask(path)]
    masks = {_key(path): path for path in files if _is_mask(path)}
    pairs = [
        MaskPair(path, masks[_key(path)])
        for path in pictures
        if _key(path) in masks
    ]
    if not pairs:
        raise ValueError(
            f'no pictures with masks in {root}: masks are looked for in '
            f'folders whose names begin with {", ".join(OF_MASKS)}, under the '
            'names of the pictures (images/a.jpg, masks/a.png), or beside '
            f'them as a_mask.png; found {len(pictures)} pictures and '
            f'{len(masks)} masks'
        )
    return pairs


def _is_mask(path: str) -> bool:
    """By the innermost folder that tells, else by the end of its name."""
    *folders, name = path.lower().split('/')
    for folder in reversed(folders):
        if folder.startswith((*OF_MASKS, *OF_PICTURES)):
            return folder.startswith(OF_MASKS)
    return MASK_TAIL.search(name.rpartition('.')[0]) is not None


def _key(path: str) -> tuple[str, str]:
    """Split and stem without what marks masks: equal for a pair."""
    folder, _, name = path.rpartition('/')
    stem = PICTURE_TAIL.sub('', MASK_TAIL.sub('', name.rpartition('.')[0]))
    return split_of(folder), stem.lower()


def _values(mask: Array) -> set[Value]:
    if mask.ndim == 2:
        return set(map(int, np.unique(mask)))
    packed = np.unique(_packed(mask))
    return {(int(v) >> 16, int(v) >> 8 & 255, int(v) & 255) for v in packed}


def _packed(mask: Array) -> Array:
    wide = mask.astype(np.int64)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _pack(value: Value) -> int:
    if isinstance(value, int):  # a grey of a coloured set
        return value << 16 | value << 8 | value
    return value[0] << 16 | value[1] << 8 | value[2]


def _names(root: Path) -> dict[Value, str]:
    """Value -> name, of a file of CVAT, of CamVid, or a name per line."""
    for path in files_below(root, ['.txt', '.csv']):
        name = path.rpartition('/')[2].lower()
        if name not in NAMES:
            continue
        text = (root / path).read_text(encoding='utf-8')
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if name == 'classes.txt':
            return dict(enumerate(lines))
        mark = ':' if name == 'labelmap.txt' else ','
        found: dict[Value, str] = {}
        for row in csv.reader(lines, delimiter=mark):
            colour = row[1].split(',') if mark == ':' else row[1:4]
            if len(colour) == 3 and all(c.strip().isdecimal() for c in colour):
                r, g, b = map(int, colour)
                found[(r, g, b)] = row[0].strip()
        return found
    return {}


def _labels(
    names: Mapping[Value, str], values: set[Value]
) -> tuple[list[str], dict[Value, int], list[str]]:
    """Return classes, value -> label, and notes."""
    notes = []
    coloured = any(isinstance(value, tuple) for value in values)
    if coloured:
        values = {(v, v, v) if isinstance(v, int) else v for v in values}
        unknown = sorted(values - set(names))
        if names and unknown:
            notes.append(
                f'colours {unknown} have no name, and do not count (255)'
            )
        known: Sequence[Value] = list(names) or sorted(values)
    elif any(isinstance(value, int) for value in names):
        known = sorted(names)  # type: ignore[type-var]
        unknown = sorted(values - set(names) - {IGNORED})
        if unknown:
            raise ValueError(
                f'the masks have the values {unknown}, and there are '
                f'{len(names)} names of classes: {list(names.values())}'
            )
    else:
        two = len(values) == 2 and 0 in values
        known = sorted(values if two else values - {IGNORED})  # type: ignore[type-var]
        if IGNORED in values and not two:
            notes.append('255 is taken for pixels that do not count')
    labels = {value: i for i, value in enumerate(known)}
    if len(labels) < 2:
        raise ValueError(
            f'the masks have one value that counts, {known}: there is nothing '
            'to tell apart'
        )
    if not names:
        notes.append(
            'classes are named by their values, in metainfo of the config: '
            f'{known}; name them there, or in classes.txt beside the masks'
        )
    classes = [names.get(value, f'class {value}') for value in known]
    if not names and known[0] == 0:
        classes[0] = 'background'
    return classes, labels, notes
