"""Pictures of every kind are read right, or refused by name."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from uniformer_mm.predict.pictures import (
    Array,
    decode_picture,
    picture_of,
)

H, W = 40, 60
RED, GREEN = (255, 0, 0), (0, 255, 0)


def scene() -> Image.Image:
    """Green, with a red quarter in the upper left."""
    picture = Image.new('RGB', (W, H), GREEN)
    picture.paste(RED, (0, 0, W // 2, H // 2))
    return picture


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def wide(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture.convert('L'), np.uint16) * 257)


def assert_like(got: Array, expected: Image.Image, tolerance: int) -> None:
    assert (got.dtype, got.shape) == (np.uint8, (H, W, 3))
    # The edge between the quarters is blurred by JPEG.
    for y, x in ((5, 5), (5, W - 5), (H - 5, 5), (H - 5, W - 5)):
        pixel = expected.getpixel((x, y))
        error = np.abs(got[y, x].astype(int) - np.array(pixel)).max()
        assert error <= tolerance, (y, x, got[y, x], pixel)


KINDS: dict[str, Callable[[], tuple[bytes, Image.Image]]] = {
    'jpeg': lambda: (encoded(scene(), 'JPEG', quality=95), scene()),
    'cmyk jpeg': lambda: (encoded(scene().convert('CMYK'), 'JPEG'), scene()),
    'cmyk tiff': lambda: (encoded(scene().convert('CMYK'), 'TIFF'), scene()),
    'grey': lambda: (
        encoded(scene().convert('L'), 'PNG'),
        scene().convert('L').convert('RGB'),
    ),
    'grey with alpha': lambda: (
        encoded(scene().convert('LA'), 'PNG'),
        scene().convert('L').convert('RGB'),
    ),
    '1 bit': lambda: (
        encoded(scene().convert('1', dither=Image.Dither.NONE), 'PNG'),
        scene().convert('1', dither=Image.Dither.NONE).convert('RGB'),
    ),
    '16 bits': lambda: (
        encoded(wide(scene()), 'PNG'),
        scene().convert('L').convert('RGB'),
    ),
    '16 bits tiff': lambda: (
        encoded(wide(scene()), 'TIFF'),
        scene().convert('L').convert('RGB'),
    ),
    'palette': lambda: (encoded(scene().quantize(8), 'PNG'), scene()),
    'alpha': lambda: (encoded(scene().convert('RGBA'), 'PNG'), scene()),
    'animated gif': lambda: (
        encoded(
            scene(), 'GIF', save_all=True, append_images=[scene().rotate(180)]
        ),
        scene(),
    ),
    'animated webp': lambda: (
        encoded(
            scene(), 'WEBP', save_all=True, append_images=[scene().rotate(180)]
        ),
        scene(),
    ),
    'bmp': lambda: (encoded(scene(), 'BMP'), scene()),
}


@pytest.mark.parametrize('kind', KINDS)
def test_a_kind_is_read_right(kind: str) -> None:
    content, expected = KINDS[kind]()
    assert_like(decode_picture(content), expected, tolerance=12)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_the_orientation_is_applied_once(kind: str, orientation: int) -> None:
    """As a photographer's program undoes it."""
    turns = [
        None,
        None,
        Image.Transpose.FLIP_LEFT_RIGHT,
        Image.Transpose.ROTATE_180,
        Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.ROTATE_90,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_270,
    ]
    turn = turns[orientation]
    stored = scene() if turn is None else scene().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(stored, kind, exif=exif, quality=95)
    assert_like(decode_picture(content), scene(), tolerance=12)


def test_pixels_are_those_of_the_hosts(tmp_path: Path) -> None:
    path = tmp_path / 'noise.jpg'
    noise = np.random.default_rng(0).integers(0, 255, (H, W, 3), np.uint8)
    cv2.imwrite(str(path), noise)
    expected = cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(decode_picture(path.read_bytes()), expected)


JPEG = encoded(scene(), 'JPEG', quality=95)
BAD = {
    'empty': (b'', 'the file is empty'),
    'text': (
        b'hello',
        "no picture of a known format; it begins with b'hello'",
    ),
    'truncated jpeg': (JPEG[: len(JPEG) - 200], 'the picture is damaged'),
    'truncated png': (encoded(scene(), 'PNG')[:-30], 'the picture is damaged'),
    'huge': (
        encoded(Image.new('1', (12000, 12000)), 'PNG'),
        '12000 x 12000 pixels are more than 100,000,000',
    ),
    'bomb': (
        encoded(Image.new('1', (30000, 30000)), 'PNG'),
        'more than 100,000,000 pixels',
    ),
    '32 bits': (
        encoded(Image.new('F', (W, H)), 'TIFF'),
        '32-bit numbers',
    ),
}


@pytest.mark.parametrize('kind', BAD)
def test_a_bad_file_is_named(kind: str) -> None:
    content, words = BAD[kind]
    with pytest.raises(ValueError, match=words.replace('(', r'\(')):
        decode_picture(content)


def test_pictures_in_memory() -> None:
    rgb = np.asarray(scene())
    assert np.array_equal(picture_of(rgb), rgb)
    assert np.array_equal(picture_of(rgb[..., ::-1], bgr=True), rgb)
    assert np.array_equal(picture_of(scene()), rgb)
    assert np.array_equal(picture_of(np.dstack([rgb, rgb[..., 0]])), rgb)
    grey = picture_of(rgb[..., 0])
    assert np.array_equal(grey, rgb[..., :1].repeat(3, 2))
    wider = wide(scene())
    assert np.array_equal(
        picture_of(wider)[..., 0], np.asarray(scene().convert('L'))
    )


@pytest.mark.parametrize(
    ('value', 'error', 'words'),
    [
        (np.zeros((4, 4, 3)), TypeError, 'must be uint8 .* got float64'),
        (np.zeros((4, 4, 2), np.uint8), ValueError, r'got \(4, 4, 2\)'),
        (np.zeros((0, 4, 3), np.uint8), ValueError, 'not empty'),
        (3.5, TypeError, 'got float'),
    ],
)
def test_what_is_no_picture_in_memory(
    value: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        picture_of(value)
