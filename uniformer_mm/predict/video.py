"""Videos frame by frame: reading them, and writing annotated ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2

from uniformer_mm.predict.pictures import Array

__all__ = [
    'VIDEO_SUFFIXES',
    'VideoWriter',
    'frame_count',
    'frame_rate',
    'frames_of',
]

VIDEO_SUFFIXES = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.webm')
RATE = 25.0  # frames per second where a source does not tell
TOLERATED = 0.9  # of the frames that a header tells, which is often a guess


def frame_count(path: Path) -> int:
    """Frames by the header of a video, which may lie; 1 where it is none."""
    capture = cv2.VideoCapture(str(path))
    try:
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()
    return max(count, 1)


def frame_rate(source: Path | int) -> float:
    """Frames per second; 25 where a source does not tell."""
    capture = cv2.VideoCapture(_name(source))
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
    finally:
        capture.release()
    return rate if 0 < rate < 1000 else RATE


def frames_of(source: Path | int) -> Iterator[Array]:
    """Yield the frames of a video or a camera, (H, W, 3), uint8, RGB.

    They are turned as the file states. One frame is in memory at a time.

    Raises:
        ValueError: It can't be opened, has no frames, or ends long before its
            header says.
    """
    what = 'camera' if isinstance(source, int) else 'video'
    if isinstance(source, Path) and not source.stat().st_size:
        raise ValueError('the file is empty')
    capture = cv2.VideoCapture(_name(source))
    try:
        if not capture.isOpened():
            raise ValueError(f'it is no {what} that OpenCV can open')
        told = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        count = 0
        while True:
            read, frame = capture.read()
            if not read:
                break
            count += 1
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        if not count:
            raise ValueError(f'the {what} has no frames that can be read')
        if count < TOLERATED * told:
            raise ValueError(
                f'the {what} is damaged: it ends after {count} of {told} '
                'frames'
            )
    finally:
        capture.release()


def _name(source: Path | int) -> str | int:
    return source if isinstance(source, int) else str(source)


class VideoWriter:
    """An mp4 file that gets one frame after the other.

    Args:
        path: The file; its folder is made.
        rate: Frames per second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self.path = path
        self.rate = rate
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, frame: Array) -> None:
        """Append a frame (H, W, 3), uint8, RGB, of the size of the first.

        Raises:
            OSError: OpenCV can't write such a file.
            ValueError: The frame has another size.
        """
        size = (frame.shape[1], frame.shape[0])
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._size = size
            self._writer = cv2.VideoWriter(
                str(self.path),
                cv2.VideoWriter.fourcc(*'mp4v'),
                self.rate,
                self._size,
            )
            if not self._writer.isOpened():
                raise OSError(f"OpenCV can't write the video {self.path}")
        if size != self._size:  # OpenCV would leave it out
            raise ValueError(
                f'frames of {self.path.name} must be {self._size}, got {size}'
            )
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()
