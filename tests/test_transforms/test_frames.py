"""Float frames: resizing against torch, erasing against the recipe."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from uniformer_mm.transforms import FloatResize, RandomErase


def clip(
    frames: int = 3, height: int = 40, width: int = 60, dtype: Any = np.uint8
) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (frames, height, width, 3)
    return list(rng.integers(0, 256, shape).astype(dtype))


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
@pytest.mark.parametrize('size', [(32, 48), (90, 70)])
def test_it_is_the_bilinear_resize_of_torch(
    size: tuple[int, int], dtype: Any
) -> None:
    imgs = clip(dtype=dtype)
    results = FloatResize(size)({'imgs': list(imgs)})
    width, height = size
    assert results['img_shape'] == (height, width)
    # (T, H, W, C) -> (T, C, H, W)
    frames = torch.from_numpy(np.stack(imgs)).permute(0, 3, 1, 2).float()
    expected = F.interpolate(frames, (height, width), mode='bilinear')
    # (T, C, H, W) -> (T, H, W, C)
    expected = expected.permute(0, 2, 3, 1).numpy()
    resized = np.stack(results['imgs'])
    assert resized.dtype == np.float32
    assert np.abs(resized - expected).max() < 1e-2  # of 255
    assert (resized % 1 != 0).mean() > 0.9  # not rounded to levels


@pytest.mark.parametrize(
    ('height', 'width', 'expected'),
    [
        (240, 320, (224, 298)),  # 298.67, rounded down
        (320, 240, (298, 224)),
        (100, 100, (224, 224)),
    ],
)
def test_the_short_side(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    results = FloatResize(224)({'imgs': clip(1, height, width)})
    assert results['img_shape'] == expected
    assert results['imgs'][0].shape == (*expected, 3)


def test_the_same_size_changes_no_value() -> None:
    imgs = clip()
    resized = FloatResize(40)({'imgs': list(imgs)})['imgs']
    assert all(map(np.array_equal, imgs, resized))


def erased(transform: RandomErase, **shape: int) -> np.ndarray:
    """Erase a clip of zeros: what is not zero after it is noise."""
    imgs = [np.zeros_like(f, np.float32) for f in clip(**shape)]
    return np.stack(transform({'imgs': imgs})['imgs'])


def test_a_quarter_of_the_clips_is_erased() -> None:
    random.seed(0)
    transform = RandomErase(prob=0.25)
    hits = [erased(transform, frames=1).any() for _ in range(1000)]
    # Four standard deviations of a share of 1000.
    assert np.mean(hits) == pytest.approx(0.25, abs=4 * 0.0137)
    assert not any(erased(RandomErase(prob=0)).any() for _ in range(50))


def test_the_box() -> None:
    random.seed(0)
    height = width = 64
    areas, aspects = [], []
    for _ in range(400):
        frames = erased(RandomErase(prob=1), height=height, width=width)
        rows, columns = np.nonzero(frames[0].any(2))
        box = (
            slice(rows.min(), rows.max() + 1),
            slice(columns.min(), columns.max() + 1),
        )
        # One box, the same for all frames, and all of it.
        assert all((frame[box] != 0).all() for frame in frames)
        for frame in frames:
            frame[box] = 0
        assert not frames.any()
        h, w = (side.stop - side.start for side in box)
        assert h < height
        assert w < width
        areas.append(h * w / (height * width))
        aspects.append(h / w)
    # Uniform in 0.02 to 1/3, with rounding; large flat boxes do not fit.
    assert min(areas) > 0.018
    assert max(areas) < 0.345
    assert np.mean(areas) == pytest.approx((0.02 + 1 / 3) / 2, abs=0.02)
    # As likely upright as flat, from 0.3 to 3.33.
    assert min(aspects) > 0.25
    assert max(aspects) < 4
    assert np.mean(np.log(aspects)) == pytest.approx(0, abs=0.15)


def test_the_noise_is_normal_once_normalised() -> None:
    random.seed(0)
    np.random.seed(0)
    frames = erased(
        RandomErase(prob=1, area=(0.3, 1 / 3)),
        frames=4,
        height=112,
        width=112,
    )
    holes = (frames[:, frames[0].any(2)] - 114.75) / 57.375  # (T, pixels, C)
    assert holes.mean() == pytest.approx(0, abs=0.02)
    assert holes.std() == pytest.approx(1, abs=0.02)
    # Not clipped to 0-255, which is -2 to 2.44.
    assert np.mean(np.abs(holes) > 2.5) == pytest.approx(0.0124, abs=0.003)
    # Fresh in every frame and channel.
    flat = holes.reshape(4, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(4)).max() < 0.05
    channels = holes.reshape(-1, 3).T
    assert np.abs(np.corrcoef(channels) - np.eye(3)).max() < 0.05


def test_means_and_deviations_of_channels() -> None:
    frames = erased(
        RandomErase(prob=1, mean=(10, 20, 30), std=(0, 0, 0)),
    )
    assert frames[frames.any(3)][0].tolist() == [10, 20, 30]


def test_a_box_that_never_fits() -> None:
    frames = erased(RandomErase(prob=1, area=(1, 1)))
    assert not frames.any()


def test_whole_levels_are_refused() -> None:
    with pytest.raises(TypeError, match='float frames, got uint8; put it be'):
        RandomErase()({'imgs': clip()})
