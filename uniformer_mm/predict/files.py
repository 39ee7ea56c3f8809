"""Files of results, named after their inputs: whole, or not there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from uniformer_mm.predict.legend import Color
from uniformer_mm.predict.pictures import Array

__all__ = [
    'json_path',
    'label_map_path',
    'picture_path',
    'write_label_map',
    'write_picture',
    'write_text',
]

WRITABLE = ('.bmp', '.jpeg', '.jpg', '.png', '.webp')
# Above, a palette has no more entries.
PALETTE = 256


def picture_path(folder: Path, name: str) -> Path:
    """``pictures/NAME``, and '.png' behind what has no ending to write."""
    fits = name.lower().endswith(WRITABLE)
    return folder / 'pictures' / (name if fits else f'{name}.png')


def label_map_path(folder: Path, name: str) -> Path:
    """``label_maps/NAME.png``."""
    fits = name.lower().endswith('.png')
    return folder / 'label_maps' / (name if fits else f'{name}.png')


def json_path(folder: Path, name: str) -> Path:
    """``results/NAME.json``."""
    return folder / 'results' / f'{name}.json'


def write_picture(path: Path, image: Array) -> None:
    """Write (H, W, 3), uint8, RGB, in the format that the ending names."""
    _save(Image.fromarray(image), path)


def write_label_map(
    path: Path, label_map: Array, palette: Sequence[Color]
) -> None:
    """Write class ids as the pixels of a PNG, whose palette shows them.

    Args:
        path: The file, '.png'.
        label_map: (H, W), class ids below 65536; above 256 classes there is
            no palette, and pixels have 16 bits.
        palette: Class id -> (red, green, blue), 0-255.
    """
    if len(palette) > PALETTE:
        picture = Image.fromarray(label_map.astype(np.uint16))
    else:
        picture = Image.fromarray(label_map.astype(np.uint8))
        picture.putpalette([part for color in palette for part in color])
    _save(picture, path)


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    part.write_text(text, encoding='utf-8')
    os.replace(part, path)


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    try:
        picture.save(part, quality=95)  # of what is lossy
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    """A name beside ``path`` that no input has, with the same ending."""
    return path.with_name(f'.{os.getpid()}.part{path.suffix}')
