"""What labels mean and how they are drawn: names, colours, skeletons."""

from __future__ import annotations

import colorsys
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ['WHITE', 'Color', 'Legend', 'as_color', 'colors', 'find_legend']

Color = tuple[int, int, int]
GOLDEN = 0.618034  # turns between hues, so that neighbours differ
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Legend:
    """Names and colours of a model's classes and keypoints.

    Attributes:
        names (tuple[str]): Class id -> name.
        palette (tuple): Class id -> (red, green, blue), 0-255.
        keypoint_names (tuple[str]): Of each keypoint; empty but for pose.
        keypoint_colors (tuple): As the palette.
        skeleton (tuple): Pairs of keypoints that are joined.
        skeleton_colors (tuple): As the palette, of each pair.
    """

    names: tuple[str, ...]
    palette: tuple[Color, ...]
    keypoint_names: tuple[str, ...] = ()
    keypoint_colors: tuple[Color, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    skeleton_colors: tuple[Color, ...] = ()


def find_legend(
    number: int, told: Sequence[str] | None, sources: Iterable[Any]
) -> Legend:
    """Return the names of classes: never guessed, if need be numbered.

    Args:
        number: Classes of the model.
        told: Names that the user gives.
        sources: Meta data of data sets, dicts that may have ``classes`` and
            ``palette``; the first one with ``number`` classes counts.

    Raises:
        ValueError: There are not ``number`` names in ``told``.
    """
    if told is not None:
        names = tuple(map(str, told))
        if len(names) != number:
            raise ValueError(
                f'names must be {number}, one per class of the model, got '
                f'{len(names)}'
            )
        return Legend(names, colors(number))
    for source in sources:
        names = _names(source)
        if len(names) == number:
            palette = source.get('palette')
            return Legend(names, _palette(palette, number))
    from mmengine.logging import print_log

    print_log(
        f'neither the weights nor the config name the {number} classes of '
        'the model: they are numbered; give their names by names=',
        logger='current',
        level=logging.WARNING,
    )
    return Legend(tuple(f'class {i}' for i in range(number)), colors(number))


def colors(number: int) -> tuple[Color, ...]:
    """Colours that are told apart, the same on every call."""
    found = []
    for i in range(number):
        hue = (0.02 + i * GOLDEN) % 1
        light = (0.95, 0.75, 0.85)[i % 3]
        parts = colorsys.hsv_to_rgb(hue, 0.75, light)
        found.append(as_color([255 * part for part in parts]))
    return tuple(found)


def as_color(value: Any) -> Color:
    """Return three numbers as a colour."""
    red, green, blue = (int(part) for part in value)
    return red, green, blue


def _names(source: Any) -> tuple[str, ...]:
    classes = source.get('classes') or ()
    # One name without its comma is a string.
    return (classes,) if isinstance(classes, str) else tuple(classes)


def _palette(palette: Any, number: int) -> tuple[Color, ...]:
    if isinstance(palette, (list, tuple)) and len(palette) >= number:
        return tuple(as_color(color) for color in palette[:number])
    return colors(number)
