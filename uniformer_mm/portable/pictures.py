"""Pictures as arrays, and the sizes at which networks see them."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

__all__ = ['Array', 'as_rgb', 'rescaled']

Array = np.ndarray[Any, Any]

KEPT = ('L', 'RGB', 'RGBA')
"""Modes of Pillow whose arrays are read as they are."""


def as_rgb(picture: Any) -> Array:
    """Return a picture as (H, W, 3), uint8, RGB.

    Args:
        picture: A PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4), uint8, RGB. Grey is repeated; what is transparent is
            laid on white, as the annotators of ControlNet do.

    Raises:
        TypeError: It is something else, or its values are not uint8.
        ValueError: It has other axes, or no pixel.
    """
    if isinstance(picture, Image.Image):
        if picture.mode not in KEPT:
            has_alpha = picture.mode in ('LA', 'PA', 'La', 'RGBa')
            has_alpha = has_alpha or 'transparency' in picture.info
            picture = picture.convert('RGBA' if has_alpha else 'RGB')
        picture = np.array(picture)
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        kind = getattr(picture, 'dtype', type(picture).__name__)
        raise TypeError(
            'a picture must be a PIL image or a NumPy array of uint8 (of '
            'floats from 0 to 1: (255 * x).astype(numpy.uint8)), got '
            f'{kind}'
        )
    array = picture[:, :, None] if picture.ndim == 2 else picture
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or not array.size:
        raise ValueError(
            'a picture must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) and '
            f'have pixels, got {picture.shape}'
        )
    if array.shape[2] == 4:
        alpha = array[:, :, 3:].astype(np.float32) / 255
        array = array[:, :, :3] * alpha + 255 * (1 - alpha)
        array = array.clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def rescaled(
    height: int, width: int, scale: tuple[int, int]
) -> tuple[int, int]:
    """Return the largest size within ``scale`` that keeps the ratio.

    The rule of mmcv's ``imrescale``.

    Args:
        height: Of the picture.
        width: Of the picture.
        scale: Limits of the longer and of the shorter side, in any order.
    """
    factor = min(
        max(scale) / max(height, width), min(scale) / min(height, width)
    )
    return int(height * factor + 0.5), int(width * factor + 0.5)
