"""Files of masks: what values they have, and writing them as labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ['Value', 'count_values', 'relabelled']

Array = np.ndarray[Any, np.dtype[Any]]
Value = int | tuple[int, int, int]

IGNORED = 255
MOST = 254  # classes


def _read(path: Path, *, coloured: bool) -> tuple[Array, list[int]]:
    """Return a mask and its palette, [] where it has none.

    Args:
        path: Of the mask.
        coloured: Give the colours, (H, W, 3), of numbers and palettes too;
            else class numbers or places in the palette, (H, W), and colours
            where they are no greys.

    Raises:
        ValueError: It can't be read, or can't hold labels.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            if picture.format == 'JPEG':
                raise ValueError(
                    f'{path} is JPEG, which blurs labels: draw it anew, or '
                    'round its values to those that are meant, as PNG'
                )
            mode = picture.mode
            palette = list(picture.getpalette() or []) if mode == 'P' else []
            if mode == 'F' or (mode.startswith('I') and not coloured):
                array = np.asarray(picture).astype(np.int64)
                if (array != np.asarray(picture)).any():
                    raise ValueError(
                        f'{path} has values that are no numbers of classes'
                    )
                return array, []
            plain = mode in ('1', 'L', 'P') and not coloured
            array = np.asarray(picture if plain else picture.convert('RGB'))
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path} can't be read: {error}") from error
    if not coloured and array.ndim == 3 and (array == array[..., :1]).all():
        array = array[..., 0]  # grey, written as colours
    return array.astype(np.int64), palette


def relabelled(path: Path, labels: Mapping[Value, int]) -> Array:
    """Return a mask (H, W), uint8, of labels; unknown values are ignored.

    Args:
        path: Of the mask.
        labels: Of ``Masks``.
    """
    coloured = any(isinstance(value, tuple) for value in labels)
    mask, _ = _read(path, coloured=coloured)
    if coloured:
        mask = _packed(mask)
    result = np.full(mask.shape, IGNORED, np.uint8)
    for value, label in labels.items():
        number = value if isinstance(value, int) else _packed(np.array(value))
        result[mask == number] = label
    return result


def count_values(paths: Iterable[Path], *, coloured: bool) -> Counter[Value]:
    """Value or colour -> number of pixels in all masks.

    Raises:
        ValueError: A mask can't be read, palettes differ, or there are more
            values than masks have.
    """
    total: Counter[Value] = Counter()
    palettes: dict[int, tuple[list[int], Path]] = {}
    for path in paths:
        mask, palette = _read(path, coloured=coloured)
        colours = mask.ndim == 3
        found, counts = np.unique(
            _packed(mask) if colours else mask, return_counts=True
        )
        for number, count in zip(found.tolist(), counts.tolist(), strict=True):
            rgb = (number >> 16, number >> 8 & 255, number & 255)
            total[rgb if colours else number] += count
            colour = palette[3 * number : 3 * number + 3]
            if not palette or colours:
                continue
            other, where = palettes.setdefault(number, (colour, path))
            if other != colour:
                raise ValueError(
                    f'{path} and {where} have different palettes: {number} is '
                    f'{colour} and {other}. Save them with one palette, or '
                    'as RGB'
                )
        if len(total) > MOST:
            raise ValueError(
                f'the masks have more than {MOST} values up to {path}: are '
                'they photographs, or blurred? A mask has one value per class'
            )
    return total


def _packed(colours: Array) -> Array:
    """(..., 3) -> one number for each."""
    wide = colours.astype(np.int64)
    packed: Array = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return packed
