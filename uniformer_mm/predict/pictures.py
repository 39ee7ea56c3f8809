"""Pictures of all kinds to one: (H, W, 3), uint8, RGB, upright."""

from __future__ import annotations

import io
import warnings
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ['MAX_PIXELS', 'Array', 'as_bgr', 'decode_picture', 'picture_of']

Array = np.ndarray[Any, np.dtype[Any]]

MAX_PIXELS = 100_000_000
"""Pixels above which a picture is refused before it takes memory."""

# Read by OpenCV, as the hosts' test pipelines do, so that the pixels are the
# same. It turns these by their EXIF orientation, and WebP not.
AS_THE_HOSTS = ('BMP', 'JPEG', 'MPO', 'PNG', 'TIFF')
WIDE = ('F', 'I')  # 32-bit numbers of unknown range


def as_bgr(picture: Array) -> Array:
    """Return (H, W, 3), RGB, as the hosts have arrays: BGR, contiguous."""
    return np.ascontiguousarray(picture[..., ::-1])


def decode_picture(content: bytes) -> Array:
    """Decode a picture file.

    Grey is repeated, palettes and CMYK become RGB, 16 bits become 8, alpha is
    dropped, of several frames the first one counts, and the orientation that
    EXIF states is applied.

    Args:
        content: The bytes of the file.

    Returns:
        Array: (H, W, 3), uint8, RGB.

    Raises:
        ValueError: It is empty, no picture, damaged, too large or of numbers
            that are no colours.
    """
    if not content:
        raise ValueError('the file is empty')
    try:
        with _open(content) as picture:
            _check_size(*picture.size)
            if picture.mode in WIDE:
                raise ValueError(
                    f'its pixels are 32-bit numbers (mode {picture.mode}), '
                    'not colours; save it with 8 or 16 bits per channel'
                )
            array = None
            if picture.format in AS_THE_HOSTS:
                _check_whole(content)
                data = np.frombuffer(content, np.uint8)
                array = cv2.imdecode(data, cv2.IMREAD_COLOR)
            if array is None:
                return _from_pillow(picture)
    except Image.DecompressionBombError as error:
        raise ValueError(f'more than {MAX_PIXELS:,} pixels') from error
    except UnidentifiedImageError:
        start = content[:16]
        raise ValueError(
            f'it is no picture of a known format; it begins with {start!r}'
        ) from None
    except (OSError, SyntaxError, EOFError, cv2.error) as error:
        raise ValueError(f'the picture is damaged: {error}') from error
    return cv2.cvtColor(array, cv2.COLOR_BGR2RGB)


def picture_of(value: Any, *, bgr: bool = False) -> Array:
    """Return a picture that is in memory as an array.

    Args:
        value: A PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4), uint8; a fourth channel is dropped.
        bgr: Arrays have the order blue, green, red, as OpenCV's.

    Returns:
        Array: (H, W, 3), uint8, RGB.

    Raises:
        TypeError: It is neither, or of another dtype.
        ValueError: It has another shape, or no pixels.
    """
    if isinstance(value, Image.Image):
        _check_size(*value.size)
        return _from_pillow(value)
    if not isinstance(value, np.ndarray):
        raise TypeError(
            'an input must be a path, a URL, a camera number, a PIL image or '
            f'a uint8 array, got {type(value).__name__}'
        )
    if value.dtype != np.uint8:
        raise TypeError(
            f'an array must be uint8 with values 0-255, got {value.dtype}'
        )
    if value.ndim == 2:
        value = value[..., None]
    if value.ndim != 3 or value.shape[2] not in (1, 3, 4) or not value.size:
        raise ValueError(
            'an array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) and '
            f'not empty, got {value.shape}'
        )
    value = value[..., :3] if value.shape[2] > 1 else value.repeat(3, axis=2)
    return np.ascontiguousarray(value[..., ::-1] if bgr else value)


def _open(content: bytes) -> Image.Image:
    with warnings.catch_warnings():
        # Our limit is checked next.
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(content))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(
            f'{width} x {height} pixels are more than {MAX_PIXELS:,}; cut it '
            'into tiles, or shrink it'
        )


def _check_whole(content: bytes) -> None:
    """Raise ``OSError`` if a picture ends too early.

    OpenCV fills what is missing of a JPEG with grey. A small draft finds that
    in a fraction of the time of decoding.
    """
    with _open(content) as picture:
        picture.draft('L', (1, 1))
        picture.load()


def _from_pillow(picture: Image.Image) -> Array:
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith('I;16'):
        # Pillow would cut off, not scale.
        grey = (np.asarray(upright) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.ascontiguousarray(upright.convert('RGB'))
