"""What a folder of pictures was found to hold, in one form."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

__all__ = [
    'PICTURES',
    'Contents',
    'Picture',
    'Thing',
    'files_below',
    'make_splits',
    'picture_size',
    'split_of',
]

PICTURES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')
# How people call splits -> how we do.
SPLITS = {
    'train': 'train',
    'training': 'train',
    'val': 'val',
    'valid': 'val',
    'validation': 'val',
    'dev': 'val',
    'test': 'test',
    'testing': 'test',
}
T = TypeVar('T')


@dataclass
class Thing:
    """An object in a picture.

    Attributes:
        name: Of its class.
        box: x, y, width, height in pixels.
        mask: Polygons or a run-length code, as COCO has them; None for none.
        crowd: A group that is not counted.
        keypoints: x, y, visibility of each; None for none.
    """

    name: str
    box: Sequence[float]
    mask: Any = None
    crowd: bool = False
    keypoints: Sequence[float] | None = None


@dataclass
class Picture:
    """A picture and what is in it.

    Attributes:
        file: Path below the folder, with '/'.
        width, height: In pixels, as it is read, that is, turned by EXIF.
    """

    file: str
    width: int
    height: int
    things: list[Thing] = field(default_factory=list)


@dataclass
class Contents:
    """All that was found.

    Attributes:
        form: Of the annotations, in words.
        splits: 'train', 'val' and perhaps 'test' -> pictures; 'all' where
            they are not split.
        classes: Names in the order of their labels.
        notes: What a user should know of it.
        keypoints: Names, of pose.
        links: Pairs of names, of pose.
    """

    form: str
    splits: dict[str, list[Picture]]
    classes: list[str]
    notes: list[str] = field(default_factory=list)
    keypoints: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)


def files_below(root: Path, endings: Iterable[str]) -> list[str]:
    """Paths below a folder, with '/', sorted; hidden ones are left out."""
    wanted = tuple(endings)
    found = []
    for place, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith('.'))
        found += [
            Path(place, name).relative_to(root).as_posix()
            for name in names
            if name.lower().endswith(wanted) and not name.startswith('.')
        ]
    return sorted(found)


def split_of(path: str) -> str:
    """The split that parts of a path name, 'all' if none does."""
    for part in reversed(Path(path).with_suffix('').parts):
        for word in part.lower().replace('-', '_').split('_'):
            name = word.rstrip('0123456789')
            if name in SPLITS:
                return SPLITS[name]
    return 'all'


def make_splits(
    splits: Mapping[str, Sequence[T]],
    share: float,
    seed: int,
    group: Callable[[T], Any] = lambda _: None,
) -> tuple[dict[str, list[T]], list[str]]:
    """Return 'train' and 'val', and notes of what was done for it.

    Args:
        splits: As they were found; keys as of ``SPLITS``, or 'all'.
        share: Of 'val', where it is drawn.
        seed: Another one draws others.
        group: What a sample is of; 'val' gets its share of each, and at least
            one of those that have two.

    Raises:
        ValueError: There are not two to be split.
    """
    found = {name: list(items) for name, items in splits.items() if items}
    spare = found.pop('all', [])
    if 'train' not in found and spare:
        found['train'] = spare
    elif spare:
        found['train'] += spare
    notes: list[str] = []
    if 'val' not in found and 'test' in found:
        found['val'] = found.pop('test')
        notes.append('no val split: test is used to validate')
    elif 'test' in found:
        count = len(found.pop('test'))
        notes.append(
            f'the {count} of the test split are not used: test_dataloader is '
            'val_dataloader'
        )
    train = found.get('train', [])
    if 'val' not in found:
        if len(train) < 2:
            raise ValueError(
                f'to train and validate takes 2 samples, got {len(train)}'
            )
        groups: dict[Any, list[int]] = {}
        for i, sample in enumerate(train):
            groups.setdefault(group(sample), []).append(i)
        rng = random.Random(seed)
        chosen: set[int] = set()
        for places in groups.values():
            count = min(max(1, round(len(places) * share)), len(places) - 1)
            chosen.update(rng.sample(places, count))
        if not chosen:
            raise ValueError(
                'no class has 2 samples, one to train and one to validate'
            )
        found['val'] = [x for i, x in enumerate(train) if i in chosen]
        found['train'] = [x for i, x in enumerate(train) if i not in chosen]
        notes.append(
            f'no split was found: {len(chosen)} of {len(train)} were drawn '
            f'for val (seed {seed})'
        )
    elif not train:
        raise ValueError(
            f'there are no samples to train on, only {set(found)}'
        )
    return found, notes


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) as the picture is read, from its header.

    Raises:
        ValueError: It is no picture; the message names it.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(0x0112, 1)
    except (OSError, SyntaxError) as error:
        raise ValueError(f'{path} can not be read: {error}') from error
    return (height, width) if turned in (5, 6, 7, 8) else (width, height)
