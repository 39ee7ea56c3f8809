"""Pictures become arrays, and change their size, as OpenCV makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import mmcv
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from uniformer_mm.portable import resample
from uniformer_mm.portable.pictures import as_rgb, rescaled
from uniformer_mm.portable.pooling import average_pool

Array = np.ndarray[Any, Any]
SIZES = [
    (37, 53, 64, 91),
    (100, 80, 50, 40),
    (100, 80, 33, 47),
    (90, 60, 30, 20),
    (64, 64, 63, 65),
    (7, 300, 90, 31),
    (5, 1, 1, 9),
    (31, 47, 31, 47),
]
# Method -> largest share of values that may differ, by one level.
DIFFERING = {
    'INTER_NEAREST': 0,
    'INTER_LINEAR': 0,
    'INTER_LANCZOS4': 0,
    'INTER_AREA': 0.03,
    # OpenCV's own two versions differ by so many.
    'INTER_CUBIC': 0.06,
}


@pytest.mark.parametrize('method', list(resample.METHODS))
@pytest.mark.parametrize('size', SIZES, ids=str)
def test_numpy_resizes_as_opencv(
    method: str,
    size: tuple[int, int, int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, columns, height, width = size
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    with_opencv = resample.resize(image, height, width, method)
    flag = getattr(cv2, method)
    expected = cv2.resize(image, (width, height), interpolation=flag)
    assert np.array_equal(with_opencv, expected)
    monkeypatch.setattr(resample, 'cv2', None)
    found = resample.resize(image, height, width, method)
    assert (found.shape, found.dtype) == (expected.shape, np.uint8)
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= DIFFERING[method]


@pytest.mark.parametrize('size', [(480, 640), (100, 900), (513, 512), (1, 7)])
@pytest.mark.parametrize('scale', [(2048, 512), (64, 256)])
def test_the_size_is_mmcv_s(
    size: tuple[int, int], scale: tuple[int, int]
) -> None:
    expected = mmcv.rescale_size(size[::-1], scale)[::-1]
    assert rescaled(*size, scale) == expected


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((0, 4, 'INTER_AREA'), 'height must be >= 1, got 0'),
        ((4, 4, 'INTER_FOO'), "unknown method 'INTER_FOO'"),
    ],
)
def test_sizes_that_are_none(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resample.resize(np.zeros((2, 2, 3), np.uint8), *arguments)


@pytest.mark.parametrize('bins', [1, 2, 3, 6])
@pytest.mark.parametrize('size', [(16, 16), (7, 12), (5, 3), (1, 31)])
def test_the_pooling_is_torch_s(bins: int, size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size)
    expected = F.adaptive_avg_pool2d(x, bins)
    torch.testing.assert_close(
        average_pool(x, bins), expected, rtol=1e-5, atol=1e-6
    )


def test_the_pooling_exports_with_any_size() -> None:
    class Pool(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return average_pool(x, 3)

    sides = {2: torch.export.Dim('h', min=2), 3: torch.export.Dim('w', min=2)}
    program = torch.export.export(
        Pool(), (torch.randn(1, 2, 9, 12),), dynamic_shapes=(sides,)
    )
    x = torch.randn(1, 2, 31, 7)
    torch.testing.assert_close(
        program.module()(x), F.adaptive_avg_pool2d(x, 3)
    )


def test_arrays(picture: Callable[..., Array]) -> None:
    rgb = picture(9, 5)
    assert np.array_equal(as_rgb(rgb), rgb)
    grey = picture(9, 5, 1)
    assert np.array_equal(as_rgb(grey), as_rgb(grey[..., 0]))
    assert np.array_equal(as_rgb(grey), grey.repeat(3, 2))
    transparent = np.dstack([rgb, np.zeros((9, 5), np.uint8)])
    assert (as_rgb(transparent) == 255).all()
    transparent[..., 3] = 255
    assert np.array_equal(as_rgb(transparent), rgb)


@pytest.mark.parametrize('mode', ['L', 'RGB', 'P', 'CMYK', '1', 'I;16'])
def test_images_of_pillow(mode: str, picture: Callable[..., Array]) -> None:
    if mode == 'I;16':
        image = Image.fromarray(np.full((9, 5), 65535, np.uint16))
    else:
        image = Image.fromarray(picture(9, 5)).convert(mode)
    assert image.mode == mode
    assert np.array_equal(as_rgb(image), np.array(image.convert('RGB')))


def test_what_pillow_has_transparent_is_white() -> None:
    image = Image.new('P', (4, 4), 0)
    image.info['transparency'] = 0
    assert (as_rgb(image) == 255).all()
    assert (as_rgb(Image.new('LA', (4, 4), (9, 0))) == 255).all()


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (None, 'got NoneType'),
        ('a.jpg', 'got str'),
        (np.zeros((4, 4, 3)), r'255 \* x.*got float64'),
        (torch.zeros(4, 4, 3), 'got torch.float32'),
        (np.zeros((4, 4, 2), np.uint8), r'got \(4, 4, 2\)'),
        (np.zeros((1, 4, 4, 3), np.uint8), r'got \(1, 4, 4, 3\)'),
        (np.zeros((0, 4, 3), np.uint8), r'got \(0, 4, 3\)'),
    ],
)
def test_no_pictures(value: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        as_rgb(value)
