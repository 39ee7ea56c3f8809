"""Which samples train, and which validate."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from uniformer_mm.own_data.files import files_below, utf8_text

__all__ = ['image_sets', 'make_splits', 'shared_notes', 'split_of']

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
ORDER = ('train', 'val', 'test')
T = TypeVar('T')


def split_of(path: str) -> str:
    """The split that parts of a path name, 'all' if none does."""
    for part in reversed(path.lower().split('/')):
        for word in re.split('[-_.]', part):
            name = word.rstrip('0123456789')
            if name in SPLITS:
                return SPLITS[name]
    return 'all'


def image_sets(root: Path) -> tuple[dict[str, str], list[str]]:
    """Return stem -> split of Pascal VOC's lists in ImageSets, and notes."""
    lists: dict[str, list[str]] = {}
    for name in files_below(root, ['.txt']):
        path = Path(name)
        split = split_of(path.name)
        if 'ImageSets' in path.parts and split != 'all':
            lines = utf8_text(root / name).splitlines()
            # Lists of a class have 1 or -1 behind the name.
            lists.setdefault(split, []).extend(
                re.sub(r'\s+-?[01]$', '', line.strip())
                for line in lines
                if line.strip()
            )
    found: dict[str, str] = {}
    for split in sorted(lists, key=ORDER.index, reverse=True):
        found.update(dict.fromkeys(lists[split], split))
    return found, shared_notes(lists, 'they train, and do not validate')


def shared_notes(
    splits: Mapping[str, Iterable[str]], result: str
) -> list[str]:
    """Return a note for each split that has what 'train' has too.

    Args:
        splits: Split -> names of samples.
        result: What comes of it.
    """
    train = set(splits.get('train', ()))
    notes = []
    for split, names in splits.items():
        both = sorted(train.intersection(names)) if split != 'train' else []
        if both:
            notes.append(
                f'{len(both)} of {split} are in train too, such as '
                f'{both[0]}: {result}'
            )
    return notes


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
            'there are no samples to train on: by the names of files and '
            "folders all are of 'val' or 'test'. Name what is to be trained "
            "on 'train'"
        )
    return found, notes
