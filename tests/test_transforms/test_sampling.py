"""Frame numbers against the formulas of the recipe (5.3, 5.4)."""

from __future__ import annotations

import random
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest

from uniformer_mm.transforms import DenseSample


def sample(
    total: int, start_index: int = 0, **settings: Any
) -> dict[str, Any]:
    results = {'total_frames': total, 'start_index': start_index}
    return DenseSample(**settings)(results)


def test_sixteen_frames_are_4_2_apart() -> None:
    results = sample(64, clip_len=16, frame_interval=4, test_mode=True)
    expected = [0, 4, 8, 12, 16, 21, 25, 29, 33, 37, 42, 46, 50, 54, 58, 63]
    assert results['frame_inds'].tolist() == expected
    assert results['frame_inds'].dtype == np.int32
    assert results['clip_len'] == 16
    assert results['frame_interval'] == 4
    assert results['num_clips'] == 1


@pytest.mark.parametrize(
    ('total', 'clips', 'starts'),
    [
        (300, 1, [118]),  # floor(236 / 2)
        (301, 1, [118]),
        (300, 4, [0, 78, 156, 234]),  # floor(236 / 3)
        (301, 4, [0, 79, 158, 237]),
        (300, 5, [0, 59, 118, 177, 236]),
        (64, 4, [0, 0, 0, 0]),
        (10, 4, [0, 0, 0, 0]),
    ],
)
def test_clips_of_a_test(total: int, clips: int, starts: list[int]) -> None:
    results = sample(
        total, clip_len=8, frame_interval=8, num_clips=clips, test_mode=True
    )
    expected = [
        min(floor(start + Fraction(63 * i, 7)), total - 1)
        for start in starts
        for i in range(8)
    ]
    assert results['frame_inds'].tolist() == expected


@pytest.mark.parametrize(
    ('clip_len', 'interval'), [(8, 8), (16, 4), (16, 8), (32, 4)]
)
def test_a_window_at_random(clip_len: int, interval: int) -> None:
    random.seed(0)
    total, window = 300, clip_len * interval
    firsts = []
    for _ in range(300):
        frames = sample(total, clip_len=clip_len, frame_interval=interval)
        frames = frames['frame_inds']
        firsts.append(frames[0])
        # A real start s in [0, L - window]: floor(s), ..., floor(s + w - 1).
        assert frames[0] >= 0
        assert frames[0] <= total - window
        assert frames[-1] - frames[0] == window - 1
        steps = np.diff(frames)
        step = (window - 1) / (clip_len - 1)
        assert set(steps) <= {floor(step), floor(step) + 1}
    # Uniform: 300 draws have a mean that deviates by 3.3 % of the range.
    room = total - window
    assert np.mean(firsts) == pytest.approx(room / 2, abs=0.1 * room)
    assert min(firsts) < 0.05 * room
    assert max(firsts) > 0.95 * room - 1


def test_the_start_is_no_whole_number() -> None:
    """Two clips with the same first frame differ further on."""
    random.seed(0)
    clips = {
        tuple(sample(66, clip_len=16, frame_interval=4)['frame_inds'])
        for _ in range(100)
    }
    assert len(clips) > 3


def test_short_videos_end_with_their_last_frame() -> None:
    for test_mode in (False, True):
        results = sample(20, clip_len=8, frame_interval=8, test_mode=test_mode)
        assert results['frame_inds'].tolist() == [0, 9, 18] + [19] * 5


def test_frames_may_count_from_one() -> None:
    results = sample(
        8, start_index=1, clip_len=4, frame_interval=2, test_mode=True
    )
    assert results['frame_inds'].tolist() == [1, 3, 5, 8]


@pytest.mark.parametrize('total', [5, 16, 48, 61])
def test_the_host_samples_segments_as_the_recipe(total: int) -> None:
    """What Something-Something and the light models use (recipe, 5.4)."""
    transforms = pytest.importorskip('mmaction.datasets.transforms')
    frames = 16
    segment = (total - 1) / frames
    bounds = [round(segment * i) for i in range(frames + 1)]
    info = {'total_frames': total, 'start_index': 1}
    test = transforms.UniformSample(clip_len=frames, test_mode=True)
    expected = [b + int(segment / 2) + 1 for b in bounds[:-1]]
    assert test.transform(dict(info))['frame_inds'].tolist() == expected
    train = transforms.UniformSample(clip_len=frames)
    np.random.seed(0)
    drawn = [train.transform(dict(info))['frame_inds'] for _ in range(200)]
    least, most = np.min(drawn, 0), np.max(drawn, 0)
    assert (least - 1).tolist() == bounds[:-1]
    assert (most - 1).tolist() == bounds[1:]


def test_a_video_without_frames() -> None:
    results = {'total_frames': 0, 'start_index': 0, 'filename': 'a.mp4'}
    with pytest.raises(ValueError, match=r'got total_frames=0 in a\.mp4'):
        DenseSample(8, 8)(results)
