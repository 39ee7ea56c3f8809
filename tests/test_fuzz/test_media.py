"""Uploads and headers of any kind: pixels, or a ``ValueError`` that says why.

Never a crash, a hang, or memory that a few bytes ask for.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.support.fuzz import Count, assert_documented, bounded, examples
from uniformer_mm.predict.pictures import MAX_PIXELS, decode_picture
from uniformer_mm.predict.video import VideoWriter, frame_count, frames_of

FORMATS = ('JPEG', 'PNG', 'GIF', 'BMP', 'TIFF', 'WEBP', 'PPM', 'ICO', 'TGA')


def encoded(kind: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


PICTURES = {kind: encoded(kind) for kind in FORMATS}
# Where to write, what, and where to cut.
edits = st.lists(
    st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6
)
cuts = st.one_of(st.just(1.0), st.floats(0, 1))


def damaged(
    content: bytes, changes: list[tuple[float, bytes]], cut: float
) -> bytes:
    """``content`` with bytes replaced, most near its start, and cut off."""
    changed = bytearray(content)
    for place, new in changes:
        start = int(place**3 * (len(changed) - 1))
        changed[start : start + len(new)] = new
    return bytes(changed[: int(cut * len(changed))])


def read_or_refused(content: bytes) -> None:
    with bounded():
        try:
            picture = decode_picture(content)
        except ValueError as error:
            assert_documented(error)
            return
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert 0 < picture.size <= 3 * MAX_PIXELS


def test_damaged_pictures(count: Count) -> None:
    @examples(250)
    @given(st.sampled_from(FORMATS), edits, cuts)
    def read(
        kind: str, changes: list[tuple[float, bytes]], cut: float
    ) -> None:
        count()
        read_or_refused(damaged(PICTURES[kind], changes, cut))

    read()


def test_bytes_of_any_kind(count: Count) -> None:
    starts = [content[:12] for content in PICTURES.values()]

    @examples(100)
    @given(st.sampled_from([*starts, b'']), st.binary(max_size=200))
    def read(start: bytes, rest: bytes) -> None:
        count()
        read_or_refused(start + rest)

    read()


def png(width: int, height: int, depth: int, colour: int) -> bytes:
    """A PNG file whose header promises what it does not hold."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack('>I', zlib.crc32(name + data))
        return struct.pack('>I', len(data)) + name + data + check

    header = struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    parts = chunk(b'IHDR', header), chunk(b'IDAT', rows), chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + b''.join(parts)


def bmp(width: int, height: int, depth: int) -> bytes:
    head = struct.pack('<IHHI', 154, 0, 0, 54)
    info = struct.pack('<IiiHH6I', 40, width, height, 1, depth, *[0] * 6)
    return b'BM' + head + info + bytes(100)


def test_headers_that_promise_much(count: Count) -> None:
    sides = st.one_of(
        st.integers(0, 2**31 - 1), st.sampled_from([0, 1, 10**4, 10**5])
    )

    @examples(100)
    @given(
        sides,
        sides,
        st.sampled_from([1, 2, 4, 8, 16, 24, 32]),
        st.sampled_from([0, 2, 3, 4, 6]),
    )
    def read(width: int, height: int, depth: int, colour: int) -> None:
        count()
        read_or_refused(png(width, height, min(depth, 16), colour))
        read_or_refused(bmp(width, height, depth))

    read()


@pytest.fixture(scope='module')
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp('video') / 'a.mp4'
    writer = VideoWriter(path, 10.0)
    noise = np.random.default_rng(0)
    for _ in range(4):
        writer.write(noise.integers(0, 255, (48, 64, 3), np.uint8))
    writer.close()
    return path.read_bytes()


def test_damaged_videos(video: bytes, tmp_path: Path, count: Count) -> None:
    path = tmp_path / 'a.mp4'
    boxes = [
        at for at in range(len(video) - 4) if video[at : at + 4].isalpha()
    ]
    log = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

    @examples(60)
    @given(
        edits,
        cuts,
        st.lists(
            st.tuples(st.sampled_from(boxes), st.integers(0, 2**32 - 1)),
            max_size=3,
        ),
    )
    def read(
        changes: list[tuple[float, bytes]],
        cut: float,
        sizes: list[tuple[int, int]],
    ) -> None:
        count()
        content = bytearray(video)
        for at, value in sizes:  # of the header that follows each name
            content[at + 4 : at + 8] = struct.pack('>I', value)
        path.write_bytes(damaged(bytes(content), changes, cut))
        with bounded():
            assert frame_count(path) >= 1
            frames: list[Any] = []
            try:
                for frame in frames_of(path):
                    frames.append(frame.shape)
                    assert len(frames) < 1000
            except ValueError as error:
                assert_documented(error)
        assert all(shape[2] == 3 for shape in frames)

    try:
        read()
    finally:
        cv2.utils.logging.setLogLevel(log)
