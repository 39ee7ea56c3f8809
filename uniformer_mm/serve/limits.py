"""What is not looked at: files that are too large, before they are decoded."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
from PIL import Image

from uniformer_mm.checks import check_count
from uniformer_mm.predict.sources import PICTURE_SUFFIXES
from uniformer_mm.predict.video import VIDEO_SUFFIXES

__all__ = ['Limits', 'check_upload', 'suffixes_of']


@dataclass(frozen=True)
class Limits:
    """What a page takes.

    Args:
        mib (int): Size of a file in MiB, >= 1.
        megapixels (int): Of a picture, or a frame; >= 1.
        frames (int): Of a video, >= 1.
        waiting (int): Requests that may wait while one is answered, >= 1;
            more are refused.

    Raises:
        TypeError, ValueError: A number is not as above.
    """

    mib: int = 32
    megapixels: int = 25
    frames: int = 900
    waiting: int = 8

    def __post_init__(self) -> None:
        for field in fields(self):
            check_count(field.name, getattr(self, field.name))


def suffixes_of(task: str) -> tuple[str, ...]:
    """Return the endings of the files that a task takes."""
    return VIDEO_SUFFIXES if task == 'action' else PICTURE_SUFFIXES


def check_upload(path: Path, task: str, limits: Limits) -> None:
    """Look at a file without decoding it whole.

    Raises:
        ValueError: It is of another kind than the task takes, empty, larger
            than the limits, or can't be read.
    """
    if path.suffix.lower() not in suffixes_of(task):
        what = 'a video' if task == 'action' else 'a picture'
        raise ValueError(
            f'{task} takes {what} ({", ".join(suffixes_of(task))}), got '
            f'{path.name}'
        )
    size = path.stat().st_size
    if not size:
        raise ValueError(f'{path.name} is empty')
    if size > limits.mib << 20:
        raise ValueError(
            f'{path.name} has {size / (1 << 20):.1f} MiB; the limit is '
            f'{limits.mib}'
        )
    if task == 'action':
        _check_video(path, limits)
    else:
        _check_pixels(path.name, *_picture_size(path), limits)


def _picture_size(path: Path) -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            # Our limit is the smaller one.
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(path.read_bytes())) as picture:
                return picture.size
    except Image.DecompressionBombError as error:
        raise ValueError(f'{path.name} has too many pixels') from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f'{path.name} is no picture of a known format'
        ) from error


def _check_pixels(name: str, width: int, height: int, limits: Limits) -> None:
    if width * height > limits.megapixels * 1_000_000:
        raise ValueError(
            f'{name} has {width} x {height} pixels; the limit is '
            f'{limits.megapixels} million'
        )


def _check_video(path: Path, limits: Limits) -> None:
    capture = cv2.VideoCapture(str(path))
    try:
        width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if not capture.isOpened() or not width * height:
            raise ValueError(f'{path.name} is no video that can be read')
        _check_pixels(path.name, width, height, limits)
        # What the header tells may be wrong.
        count = 0
        while count <= limits.frames and capture.grab():
            count += 1
    finally:
        capture.release()
    if not count:
        raise ValueError(f'{path.name} has no frames that can be read')
    if count > limits.frames:
        raise ValueError(
            f'{path.name} has more than {limits.frames} frames; cut it'
        )
