"""Sources opened one after the other: a picture, a frame or a clip each."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from uniformer_mm.predict.pictures import Array, decode_picture, picture_of
from uniformer_mm.predict.sources import Source, frames_in
from uniformer_mm.predict.video import (
    VIDEO_SUFFIXES,
    frame_count,
    frame_rate,
    frames_of,
)
from uniformer_mm.predict.web import MAX_BYTES, download

__all__ = ['Boxes', 'Item', 'count_items', 'open_clips', 'open_pictures']

Boxes = tuple[Array, Array]  # (N, 4) as x1, y1, x2, y2, and scores (N,)


@dataclass(frozen=True)
class Item:
    """What one result is of.

    Attributes:
        name (str): That of the source; of frames ``NAME/000012``.
        path (str | None): File or address it comes from, if any.
        frame (int | None): Number of the frame in its video, from 0.
        rate (float | None): Items per second of that video.
        picture (Array | None): (H, W, 3), uint8, RGB.
        clip (Path | Array | list[Path] | None): A video, frames (T, H, W, 3)
            as uint8 RGB, or pictures that are frames.
        boxes (Boxes | None): Where persons are, in pixels, for pose alone.
        failure (Exception | None): Why there is neither, if there is not.
    """

    name: str
    path: str | None = None
    frame: int | None = None
    rate: float | None = None
    picture: Array | None = None
    clip: Path | Array | list[Path] | None = None
    boxes: Boxes | None = None
    failure: Exception | None = None


def count_items(
    sources: Iterable[Source], *, clips: bool, step: int
) -> int | None:
    """Count the items to come, None where that can't be known.

    Args:
        sources: What ``find_sources`` returned.
        clips: As there.
        step: Every ``step``-th frame of a video gives an item.
    """
    if not isinstance(sources, Sequence):
        return None
    total = 0
    for source in sources:
        if source.kind == 'camera':
            return None
        frames = 1
        if source.kind == 'video' and not clips:
            frames = math.ceil(frame_count(source.value) / step)
        total += frames
    return total


def open_pictures(
    sources: Iterable[Source], *, bgr: bool, step: int
) -> Iterator[Item]:
    """Yield an item per picture and per frame of a video.

    Args:
        sources: What to open. What can't be read is an item with a failure.
        bgr: Arrays in memory are BGR.
        step: Take every ``step``-th frame of videos and cameras.
    """
    for source in sources:
        path = _path_of(source)
        try:
            if source.kind in ('video', 'camera'):
                yield from _frames(source, source.value, step)
            elif source.kind == 'url' and _is_video(source.value):
                with tempfile.TemporaryDirectory() as folder:
                    yield from _frames(source, _save(source, folder), step)
            else:
                yield Item(source.name, path, picture=_picture(source, bgr))
        except Exception as error:  # libraries raise many kinds
            yield Item(source.name, path, failure=error)


def open_clips(sources: Iterable[Source], *, bgr: bool) -> Iterator[Item]:
    """Yield an item per video, per folder of frames and per 4D array."""
    for source in sources:
        path = _path_of(source)
        try:
            if source.kind == 'url' and _is_video(source.value):
                with tempfile.TemporaryDirectory() as folder:
                    clip: Any = _save(source, folder)
                    yield Item(source.name, path, clip=clip)
            else:
                yield Item(source.name, path, clip=_clip(source, bgr))
        except Exception as error:  # libraries raise many kinds
            yield Item(source.name, path, failure=error)


def _path_of(source: Source) -> str | None:
    inside = source.kind in ('camera', 'memory')
    return None if inside else str(source.value)


def _is_video(url: str) -> bool:
    path = PurePosixPath(url.partition('?')[0])
    return path.suffix.lower() in VIDEO_SUFFIXES


def _save(source: Source, folder: str) -> Path:
    """Download a video, which OpenCV reads from a file alone."""
    path = Path(folder, PurePosixPath(source.name).name)
    path.write_bytes(download(source.value))
    return path


def _frames(source: Source, where: Path | int, step: int) -> Iterator[Item]:
    rate = frame_rate(where) / step
    for number, picture in enumerate(frames_of(where)):
        if number % step == 0:
            yield Item(
                f'{source.name}/{number:06}',
                _path_of(source),
                number,
                rate,
                picture,
            )


def _picture(source: Source, bgr: bool) -> Array:
    if source.error:
        raise ValueError(source.error)
    if source.kind == 'memory':
        return picture_of(source.value, bgr=bgr)
    if source.kind == 'url':
        return decode_picture(download(source.value))
    size = source.value.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f'the file has more than {MAX_BYTES >> 20} MiB')
    return decode_picture(source.value.read_bytes())


def _clip(source: Source, bgr: bool) -> Path | Array | list[Path]:
    if source.error:
        raise ValueError(source.error)
    if source.kind == 'camera':
        raise ValueError('a camera has no end: record a clip first')
    if source.kind == 'video':
        path: Path = source.value
        if not path.stat().st_size:
            raise ValueError('the file is empty')
        return path
    if source.kind == 'frames':
        return sorted(frames_in(source.value), key=_by_numbers)
    if source.kind != 'memory':
        ends = ', '.join(VIDEO_SUFFIXES)
        raise ValueError(
            f'a clip must be a video ({ends}), a folder of frames or an array'
        )
    frames = source.value
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        raise TypeError('a clip in memory must be a uint8 array')
    if frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise ValueError(
            f'a clip must be (T, H, W, 3) and not empty, got {frames.shape}'
        )
    return frames[..., ::-1] if bgr else frames


def _by_numbers(path: Path) -> list[tuple[int, str]]:
    """Sort ``frame_10`` behind ``frame_9``."""
    return [
        (int(part) if part.isdecimal() else -1, part)
        for part in re.split(r'(\d+)', path.name)
    ]
