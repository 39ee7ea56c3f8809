"""What a folder of pictures was found to hold, in one form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ['Contents', 'Picture', 'Thing', 'class_notes']


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


def class_notes(classes: Sequence[str]) -> list[str]:
    """Return what a user should know of names of classes.

    Raises:
        ValueError: There are none, one is empty, or two are equal.
    """
    if not classes or not all(classes):
        raise ValueError(f'classes must have names, got {list(classes)}')
    twice = [name for name, n in Counter(classes).items() if n > 1]
    if twice:
        raise ValueError(f'classes must have different names, twice: {twice}')
    folded = Counter(map(str.lower, classes))
    alike = sorted(name for name in classes if folded[name.lower()] > 1)
    if not alike:
        return []
    return [f'classes that differ in case alone are several: {alike}']
