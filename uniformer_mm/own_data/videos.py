"""Folders of videos, one folder per class."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from uniformer_mm.own_data.contents import files_below, split_of
from uniformer_mm.predict.video import VIDEO_SUFFIXES, frame_count

__all__ = ['Videos', 'read_videos']


@dataclass
class Videos:
    """What was found.

    Attributes:
        splits: As of ``Contents``, of (path below the folder, label).
        classes: Names in the order of their labels.
        frames: The fewest of a video, by its header.
        notes: What a user should know of it.
    """

    splits: dict[str, list[tuple[str, int]]]
    classes: list[str]
    frames: int
    notes: list[str] = field(default_factory=list)


def read_videos(root: Path) -> Videos:
    """Find CLASS/FILE, or SPLIT/CLASS/FILE.

    Raises:
        ValueError: There are none, lie outside of folders, or are of one
            class alone.
    """
    found: list[tuple[str, str, str]] = []
    for path in files_below(root, VIDEO_SUFFIXES):
        *folders, _ = path.split('/')
        named = [folder for folder in folders if split_of(folder) == 'all']
        split = split_of('/'.join(folders))
        if not named:
            raise ValueError(
                f'{root / path} is in no folder of a class: videos must be '
                'CLASS/FILE or train/CLASS/FILE'
            )
        found.append((path, split, named[-1]))
    classes = sorted({name for *_, name in found})
    if len(classes) < 2:
        raise ValueError(
            f'{root} must have folders of videos '
            f'({", ".join(VIDEO_SUFFIXES)}) for 2 classes or more, found '
            f'{len(found)} videos of {classes}'
        )
    splits: dict[str, list[tuple[str, int]]] = {}
    for path, split, name in found:
        splits.setdefault(split, []).append((path, classes.index(name)))
    notes = [
        f'split {split} has no video of {missing}'
        for split, videos in splits.items()
        if (
            missing := [
                name
                for label, name in enumerate(classes)
                if label not in {told for _, told in videos}
            ]
        )
    ]
    frames = min(frame_count(root / path) for path, *_ in found)
    return Videos(splits, classes, frames, notes)
