"""Files in a folder per class: videos, and pictures to classify."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from uniformer_mm.own_data.files import files_below
from uniformer_mm.own_data.splits import split_of

__all__ = ['Labelled', 'missing_notes', 'read_by_class']


@dataclass
class Labelled:
    """Files of which each is of one class.

    Attributes:
        splits: As of ``Contents``, of (path below the folder, label).
        classes: Names in the order of their labels.
        notes: What a user should know of it.
    """

    splits: dict[str, list[tuple[str, int]]]
    classes: list[str]
    notes: list[str] = field(default_factory=list)


def read_by_class(root: Path, endings: Sequence[str], what: str) -> Labelled:
    """Find CLASS/FILE, or SPLIT/CLASS/FILE.

    Args:
        root: Of the data.
        endings: Of the files.
        what: They are, for messages: 'videos'.

    Raises:
        ValueError: There are none, lie outside of folders, are of one class
            alone, or folders of classes are beside those of splits.
    """
    paths = files_below(root, endings)
    folders = {path: path.split('/')[:-1] for path in paths}
    for path, names in folders.items():
        if not names:
            raise ValueError(_outside(root / path, what))
    # What all are in is no class: data/videos/CLASS/FILE
    shared = os.path.commonpath(folders) if folders else ''
    common = len(Path(shared).parts)
    common = min([common, *(len(names) - 1 for names in folders.values())])
    tops = {names[common] for names in folders.values()}
    marked = {name for name in tops if split_of(name) != 'all'}
    deep = {n[common] for n in folders.values() if len(n) > common + 1}
    by_split = bool(marked) and marked <= deep
    if by_split and marked != tops:
        raise ValueError(
            f'{sorted(tops - marked)[:5]} in {root} are beside the splits '
            f'{sorted(marked)}: folders of classes must lie in those of '
            'splits, or all of them in one folder'
        )
    found: list[tuple[str, str, str]] = []
    inner = []
    for path, names in folders.items():
        split = split_of('/'.join(names[: common + by_split]))
        rest = names[common + by_split :]
        if not rest:
            raise ValueError(_outside(root / path, what))
        found.append((path, split, rest[0]))
        inner += rest[1:][:1]
    classes = sorted({name for *_, name in found})
    if len(classes) < 2:
        raise ValueError(
            f'{root} must have folders of {what} ({", ".join(endings)}) for 2 '
            f'classes or more, found {len(found)} {what} of {classes}'
        )
    labelled = Labelled({}, classes)
    for path, split, name in found:
        some = labelled.splits.setdefault(split, [])
        some.append((path, classes.index(name)))
    if inner:
        splits = {name for name in inner if split_of(name) != 'all'}
        if splits:
            raise ValueError(
                f'{sorted(splits)} are below folders of classes in {root}: '
                f'give train/CLASS/FILE in place of CLASS/train/FILE'
            )
        labelled.notes.append(
            f'folders below those of the classes, such as {inner[0]}, are '
            'taken as parts of the class'
        )
    labelled.notes += missing_notes(labelled, what)
    return labelled


def missing_notes(labelled: Labelled, what: str) -> Iterable[str]:
    """Yield a note for each split that has nothing of a class."""
    for split, some in labelled.splits.items():
        there = {label for _, label in some}
        missing = [
            name
            for label, name in enumerate(labelled.classes)
            if label not in there
        ]
        if missing:
            yield f'split {split} has no {what} of {missing}'


def _outside(path: Path, what: str) -> str:
    return (
        f'{path} is in no folder of a class: {what} must be CLASS/FILE or '
        'train/CLASS/FILE'
    )
