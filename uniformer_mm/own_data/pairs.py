"""Which mask is of which picture, by folders and names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from uniformer_mm.own_data.files import PICTURES, files_below
from uniformer_mm.own_data.splits import split_of

__all__ = ['MaskPair', 'find_pairs']

# Beginnings of the names of folders, in lower case.
OF_MASKS = ('mask', 'label', 'annotation', 'gt', 'seg', 'ann')
OF_PICTURES = ('image', 'img', 'jpeg', 'leftimg', 'photo', 'picture', 'rgb')
# Of Pascal VOC: numbers of objects, not of classes.
OF_OBJECTS = 'segmentationobject'
MASK_TAIL = re.compile(
    r'([_-]gtfine)?[_-](mask|masks|label|labels|labelids|gt|seg|l)$', re.I
)
PICTURE_TAIL = re.compile(r'_leftimg8bit$', re.I)


@dataclass(frozen=True)
class MaskPair:
    """Paths, below the folder, of a picture and its mask."""

    picture: str
    mask: str


def find_pairs(root: Path) -> tuple[list[MaskPair], list[str]]:
    """Return pictures with their masks, and notes of those left alone.

    Raises:
        ValueError: There are none, or several may be meant.
    """
    pictures: list[str] = []
    masks: dict[tuple[str, str], list[str]] = {}
    for path in files_below(root, PICTURES):
        if OF_OBJECTS in path.lower().split('/'):
            continue
        if _is_mask(path):
            masks.setdefault(_key(path), []).append(path)
        else:
            pictures.append(path)
    places = {(_key(p), _inner(p)) for p in pictures}
    pairs: list[MaskPair] = []
    alone = []
    for path in pictures:
        same = masks.get(_key(path), [])
        near = [m for m in same if _inner(m) == _inner(path)]
        # Those of another picture in their folder are none of this one.
        free = [m for m in same if (_key(m), _inner(m)) not in places]
        found = near or free
        if len(found) > 1:
            raise ValueError(
                f'{path} has several masks, {found[:5]}: of a mask per class '
                'make one, with a number for each class'
            )
        if found:
            pairs.append(MaskPair(path, found[0]))
        else:
            alone.append(path)
    if not pairs:
        count = sum(map(len, masks.values()))
        raise ValueError(
            f'no pictures with masks in {root}: masks are looked for in '
            f'folders whose names begin with {", ".join(OF_MASKS)}, under the '
            'names of the pictures (images/a.jpg, masks/a.png), or beside '
            f'them as a_mask.png; found {len(pictures)} pictures and '
            f'{count} masks'
        )
    owners: dict[str, str] = {}
    for pair in pairs:
        other = owners.setdefault(pair.mask, pair.picture)
        if other != pair.picture:
            raise ValueError(
                f'{pair.mask} may be of {other} or of {pair.picture}: put '
                'pictures and masks into folders of the same names, or name '
                'them differently'
            )
    every = {path for paths in masks.values() for path in paths}
    spare = sorted(every - set(owners))
    notes = [
        f'{len(paths)} {what}, such as {paths[0]}, and are left out'
        for paths, what in (
            (alone, 'pictures have no mask'),
            (spare, 'masks have no picture'),
        )
        if paths
    ]
    return pairs, notes


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


def _inner(path: str) -> tuple[str, ...]:
    """Folders that tell neither what is in them nor the split."""
    folders = path.lower().split('/')[:-1]
    known = (*OF_MASKS, *OF_PICTURES)
    return tuple(
        folder
        for folder in folders
        if not folder.startswith(known) and split_of(folder) == 'all'
    )
