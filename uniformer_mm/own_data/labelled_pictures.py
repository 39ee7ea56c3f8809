"""Pictures of which each is of one class: folders, or lists."""

from __future__ import annotations

from pathlib import Path

from uniformer_mm.own_data.by_class import (
    Labelled,
    missing_notes,
    read_by_class,
)
from uniformer_mm.own_data.files import PICTURES, files_below, utf8_text
from uniformer_mm.own_data.splits import shared_notes, split_of

__all__ = ['read_labelled_pictures']

NAMES = 'classes.txt'


def read_labelled_pictures(root: Path) -> Labelled:
    """Find CLASS/FILE, SPLIT/CLASS/FILE, or lists of 'FILE LABEL'.

    Lists are text files named as splits, as ``meta/train.txt`` of ImageNet.
    Their files lie below the folder of the split, of the list, or the root.

    Raises:
        ValueError: There are none, or a list or a folder is wrong: which.
    """
    lists = [
        name
        for name in files_below(root, ['.txt'])
        if split_of(name.rpartition('/')[2]) != 'all'
    ]
    if not lists:
        return read_by_class(root, PICTURES, 'pictures')
    pictures = set(files_below(root, PICTURES))
    found = Labelled({}, [])
    for name in lists:
        rows = _rows(root, name, pictures, found.notes)
        split = split_of(name.rpartition('/')[2])
        found.splits.setdefault(split, []).extend(rows)
    found.classes = _classes(root, found)
    names = {
        split: [p for p, _ in rows] for split, rows in found.splits.items()
    }
    found.notes += shared_notes(names, 'their figures will be too good')
    found.notes += missing_notes(found, 'pictures')
    return found


def _rows(
    root: Path, name: str, pictures: set[str], notes: list[str]
) -> list[tuple[str, int]]:
    """The lines of a list: (path below the root, label)."""
    below = Path(name).parent
    # Beside the list's folder lie those of the splits, as ImageNet has them.
    parents = [
        (parent / folder).as_posix()
        for parent in (below, *below.parents)
        for folder in (Path(name).stem, '')
    ]
    rows: dict[str, int] = {}
    lost: list[str] = []
    for number, line in enumerate(utf8_text(root / name).splitlines(), 1):
        if not line.strip():
            continue
        at = f'{root / name}: line {number}'
        columns = line.strip().rsplit(maxsplit=1)
        if len(columns) < 2 or not columns[1].isdecimal():
            raise ValueError(
                f"{at} must be 'FILE LABEL', with labels from 0, got {line!r}"
            )
        file, label = columns
        paths = [Path(parent, file).as_posix() for parent in parents]
        path = next((path for path in paths if path in pictures), '')
        if not path:
            lost.append(file)
        elif rows.setdefault(path, int(label)) != int(label):
            raise ValueError(f'{at}: {file} is listed with two labels')
    if lost:
        notes.append(
            f'{name}: {len(lost)} pictures are not in the folder, such as '
            f'{lost[0]}, and are left out'
        )
    return list(rows.items())


def _classes(root: Path, found: Labelled) -> list[str]:
    """Names of a file, else of the folders, else numbers."""
    rows = [row for some in found.splits.values() for row in some]
    if not rows:
        raise ValueError(f'none of the pictures of the lists is in {root}')
    labels = {label for _, label in rows}
    for path in files_below(root, [NAMES]):
        lines = utf8_text(root / path).splitlines()
        names = [line.strip() for line in lines if line.strip()]
        if max(labels) >= len(names):
            raise ValueError(
                f'{root / path} has {len(names)} names, and the lists have '
                f'labels up to {max(labels)} (they start from 0)'
            )
        return names
    if 0 not in labels:
        raise ValueError(
            f'labels must start from 0, those of the lists in {root} start '
            f'from {min(labels)}'
        )
    folders = {(label, path.split('/')[-2:][0]) for path, label in rows}
    if len(folders) == len(labels) == len({name for _, name in folders}):
        return [name for _, name in sorted(folders)]
    found.notes.append(
        f'classes are named by their numbers: name them in {NAMES}, a name '
        'per line'
    )
    return [f'class {i}' for i in range(max(labels) + 1)]
