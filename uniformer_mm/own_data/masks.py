"""What the values in masks mean, and which classes they are."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from uniformer_mm.own_data.files import files_below, picture_size, utf8_text
from uniformer_mm.own_data.mask_files import Value, count_values
from uniformer_mm.own_data.pairs import MaskPair, find_pairs
from uniformer_mm.own_data.splits import image_sets, split_of

__all__ = ['Masks', 'read_masks']

IGNORED = 255
NAMES = ('labelmap.txt', 'class_dict.csv', 'classes.txt')
RARE = 1e-3  # of all pixels
FEW = 8  # values that are not looked at for it


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
    pairs, notes = find_pairs(root)
    for pair in pairs:
        size = picture_size(root / pair.picture)
        told = picture_size(root / pair.mask)
        if told != size:
            raise ValueError(
                f'{root / pair.mask} is {told[0]} x {told[1]} pixels, its '
                f'picture {size[0]} x {size[1]}'
            )
    names = _names(root)
    paths = [root / pair.mask for pair in pairs]
    coloured = any(isinstance(value, tuple) for value in names)
    counts = count_values(paths, coloured=coloured)
    if not coloured and any(isinstance(value, tuple) for value in counts):
        counts = count_values(paths, coloured=True)
    sets, more = image_sets(root)
    splits: dict[str, list[MaskPair]] = {}
    for pair in pairs:
        folder, _, name = pair.picture.rpartition('/')
        split = sets.get(name.rpartition('.')[0], split_of(folder))
        splits.setdefault(split, []).append(pair)
    classes, labels, told_of = _labels(names, counts)
    return Masks(splits, classes, labels, [*notes, *more, *told_of])


def _names(root: Path) -> dict[Value, str]:
    """Value -> name, of a file of CVAT, of CamVid, or a name per line.

    Raises:
        ValueError: It has no colours, or one twice.
    """
    for path in files_below(root, ['.txt', '.csv']):
        name = path.rpartition('/')[2].lower()
        if name not in NAMES:
            continue
        text = utf8_text(root / path)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if name == 'classes.txt':
            return dict(enumerate(lines))
        mark = ':' if name == 'labelmap.txt' else ','
        found: dict[Value, str] = {}
        for row in csv.reader(lines, delimiter=mark):
            colour = row[1].split(',') if mark == ':' and row[1:] else row[1:4]
            if len(colour) == 3 and all(c.strip().isdecimal() for c in colour):
                r, g, b = map(int, colour)
                if (r, g, b) in found:
                    raise ValueError(
                        f'{root / path}: {found[(r, g, b)]!r} and {row[0]!r} '
                        f'have one colour, {(r, g, b)}'
                    )
                found[(r, g, b)] = row[0].strip()
        if not found:
            form = 'NAME:R,G,B::' if mark == ':' else 'NAME,R,G,B'
            raise ValueError(f'{root / path} has no line {form!r}')
        return found
    return {}


def _labels(
    names: Mapping[Value, str], counts: Counter[Value]
) -> tuple[list[str], dict[Value, int], list[str]]:
    """Return classes, value -> label, and notes."""
    notes = []
    values = set(counts)
    if any(isinstance(value, tuple) for value in values):
        unknown = sorted(values - set(names))
        if names and len(unknown) == len(values):
            raise ValueError(
                f'none of the colours of the masks, {unknown[:5]}, is that of '
                f'a class: {dict(names)}. Colours stand in class_dict.csv '
                '(NAME,R,G,B), numbers in classes.txt'
            )
        if names and unknown:
            notes.append(
                f'colours {unknown} have no name, and do not count (255)'
            )
        known: Sequence[Value] = list(names) or sorted(values)
    elif names:
        known = sorted(names)
        unknown = sorted(values - set(names) - {IGNORED})
        if unknown:
            raise ValueError(
                f'the masks have the values {unknown}, and there are '
                f'{len(names)} names of classes: {list(names.values())}'
            )
    else:
        _check_blur(counts)
        two = len(values) == 2 and 0 in values
        known = sorted(values if two else values - {IGNORED})
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


def _check_blur(counts: Counter[Value]) -> None:
    rare = [v for v, n in counts.items() if n < RARE * counts.total()]
    if len(counts) > FEW and len(rare) * 2 > len(counts):
        raise ValueError(
            f'the masks have {len(counts)} values, and {len(rare)} of them in '
            f'less than {RARE:.1%} of the pixels: are edges smoothed? Round '
            'them to those that are meant, or name all in classes.txt'
        )
