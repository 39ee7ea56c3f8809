"""Folders of videos, one folder per class."""

from __future__ import annotations

from pathlib import Path

from uniformer_mm.own_data.by_class import Labelled, read_by_class
from uniformer_mm.predict.video import VIDEO_SUFFIXES, frame_count, frames_of

__all__ = ['read_videos']


def read_videos(root: Path) -> tuple[Labelled, int]:
    """Find CLASS/FILE, or SPLIT/CLASS/FILE.

    Returns:
        tuple: The videos, and the fewest frames of one, by its header.

    Raises:
        ValueError: They lie otherwise, or one can't be opened.
    """
    videos = read_by_class(root, VIDEO_SUFFIXES, 'videos')
    paths = [
        root / path for some in videos.splits.values() for path, _ in some
    ]
    return videos, min(map(_frames, paths))


def _frames(path: Path) -> int:
    count = frame_count(path)
    if count > 1:
        return count
    # Some headers tell no number, and what is no video tells none either.
    try:
        return sum(1 for _ in frames_of(path))
    except ValueError as error:
        raise ValueError(f"{path} can't be read: {error}") from error
