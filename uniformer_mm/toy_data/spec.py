"""What the toy data set holds: numbers, names of classes, outlines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from uniformer_mm.checks import check_count, check_int

__all__ = [
    'CLASSES',
    'KEYPOINTS',
    'MOTIONS',
    'SPLITS',
    'Array',
    'ToyDataSpec',
    'outline',
]

Array = np.ndarray[Any, np.dtype[Any]]

SPLITS = ('train', 'val')

# Corners of each outline, and the direction of the first one in turns: a
# circle is drawn as a polygon, a square lies on a side, a triangle points up.
OUTLINES = {'circle': (32, 0.0), 'square': (4, 0.125), 'triangle': (3, 0.75)}
CLASSES = tuple(OUTLINES)
"""Shapes, in the order of their labels."""

KEYPOINTS = ('apex', 'left_foot', 'right_foot', 'center')
"""Keypoints of a triangle; left and right as seen in the picture."""

MOTIONS = ('up', 'down', 'grow', 'shrink')
"""What the shape of a clip does, in the order of the labels."""


@dataclass(frozen=True)
class ToyDataSpec:
    """What the data set holds.

    Args:
        train (int): Number of training images, >= 1.
        val (int): Number of validation images, >= 1.
        size (int): Side of the square images and clips in pixels, >= 64.
        seed (int): Another seed draws other images and clips; >= 0.
        train_clips (int): Number of training clips, >= 0; 0 for none.
        val_clips (int): Number of validation clips, >= 0; 0 for none.

    Raises:
        TypeError: A number is no int.
        ValueError: A number is below its minimum.
    """

    train: int = 240
    val: int = 60
    size: int = 128
    seed: int = 0
    train_clips: int = 288
    val_clips: int = 48

    def __post_init__(self) -> None:
        check_count('train', self.train)
        check_count('val', self.val)
        check_int('size', self.size, 64)
        for name in ('seed', 'train_clips', 'val_clips'):
            check_int(name, getattr(self, name), 0)

    def images(self, split: str) -> int:
        """Number of images of ``split``, 'train' or 'val'."""
        return {'train': self.train, 'val': self.val}[split]

    def clips(self, split: str) -> int:
        """Number of clips of ``split``, 'train' or 'val'."""
        return {'train': self.train_clips, 'val': self.val_clips}[split]


def outline(name: str, radius: float, tilt: float) -> Array:
    """Corners of a shape around the origin.

    Args:
        name: One of ``CLASSES``.
        radius: Distance of the corners from the origin in pixels.
        tilt: Turns, clockwise.

    Returns:
        Array: (corners, 2) as x, y in pixels, y downwards; of a triangle the
        apex, then the right and the left foot.
    """
    corners, start = OUTLINES[name]
    turns = start + tilt + np.arange(corners) / corners
    angles = 2 * math.pi * turns
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
