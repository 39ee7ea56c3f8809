"""Distributions of the pose transforms, as the paper's recipe states them."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from mmengine.registry import TRANSFORMS, DefaultScope

from tests.support.recipe import recipe
from uniformer_mm.transforms import FixedBoxShift, RandomBoxScaleRotation

RECIPE = recipe('pose')['common']
MANY = 20_000
# Five standard errors of a share measured on that many.
CLOSE = 5 * 0.5 / MANY**0.5


def sample(number: Any, width: float = 40, height: float = 80) -> Any:
    """What mmpose's GetBBoxCenterScale leaves of a box at 100, 200."""
    corners = [100, 200, 100 + width, 200 + height]
    return {
        'id': number,
        'bbox': np.array([corners], np.float32),
        'bbox_center': np.array(
            [[100 + width / 2, 200 + height / 2]], np.float32
        ),
        'bbox_scale': np.array([[width, height]], np.float32) * 1.25,
    }


def shifts(transform: FixedBoxShift, count: int) -> Any:
    """Shifts of ``count`` boxes in widths and heights, (count, 2)."""
    moved = [transform(sample(i))['bbox_center'][0] for i in range(count)]
    return (np.array(moved) - (120, 240)) / (40, 80)


def test_shift_is_uniform_for_some_boxes() -> None:
    factor, prob = RECIPE['shift']['factor'], RECIPE['shift']['prob']
    both = shifts(FixedBoxShift(factor, prob), MANY)
    moved = both[both.any(1)]
    assert len(moved) / MANY == pytest.approx(prob, abs=CLOSE)
    assert np.abs(moved).max() <= factor + 1e-6
    for axis in moved.T:
        counts, _ = np.histogram(axis, 10, (-factor, factor))
        assert counts / len(moved) == pytest.approx(0.1, abs=0.025)
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.1


def test_shift_is_the_data_sets() -> None:
    transform = FixedBoxShift()
    first = shifts(transform, 100)
    # Neither epochs, nor workers, nor what else is drawn, nor a resumption.
    np.random.seed(7)
    assert np.array_equal(shifts(transform, 100), first)
    assert np.array_equal(shifts(FixedBoxShift(), 100), first)
    assert not np.array_equal(shifts(FixedBoxShift(seed=1), 100), first)


def test_shift_changes_the_centre_alone() -> None:
    before = sample(3)
    after = FixedBoxShift(shift_prob=1.0)(sample(3))
    center = after.pop('bbox_center')
    assert center.dtype == np.float32
    assert not np.array_equal(center, before.pop('bbox_center'))
    for key, value in before.items():
        assert np.array_equal(after[key], value), key


def test_shift_is_for_one_box() -> None:
    two = sample(0)
    two['bbox'] = np.repeat(two['bbox'], 2, 0)
    with pytest.raises(ValueError, match=r'one box \(1, 4\).*\(2, 4\)'):
        FixedBoxShift()(two)


def test_ids_of_either_sign_and_any_spelling() -> None:
    transform = FixedBoxShift(shift_prob=1.0)
    one, same, as_well, other = (
        transform(sample(number))['bbox_center']
        for number in (5, '5', 5.0, -5)
    )
    assert np.array_equal(one, same)
    assert np.array_equal(one, as_well)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize('number', ['a', 1.5, float('nan'), None])
def test_an_id_that_is_no_whole_number_is_named(number: Any) -> None:
    with pytest.raises(ValueError, match=rf'number, got id={number!r} in'):
        FixedBoxShift()(sample(number))


@pytest.fixture
def scaled_and_rotated() -> tuple[Any, Any]:
    """Factors and degrees of many draws."""
    np.random.seed(0)
    rule = RECIPE['rotation']
    transform = RandomBoxScaleRotation(
        RECIPE['scale']['deviation'], rule['deviation'], rule['prob']
    )
    scale = np.ones((MANY, 2), np.float32) * (50, 100)
    results = transform({'bbox_scale': scale})
    factors = results['bbox_scale'] / (50, 100)
    assert np.allclose(factors[:, 0], factors[:, 1])
    return factors[:, 0], results['bbox_rotation']


def test_scale_is_a_clipped_normal(
    scaled_and_rotated: tuple[Any, Any],
) -> None:
    factors, _ = scaled_and_rotated
    low, high = RECIPE['scale']['range']
    assert (factors.min(), factors.max()) == (low, high)
    # What a normal has beyond one deviation stands at the ends: 16 % each.
    normal = NormalDist(1, RECIPE['scale']['deviation'])
    assert normal.cdf(low) == pytest.approx(0.1587, abs=1e-4)
    for end in (low, high):
        share = np.isclose(factors, end).mean()
        assert share == pytest.approx(normal.cdf(low), abs=CLOSE)
    for value in (0.6, 0.9, 1.2, 1.4):
        share = (factors < value).mean()
        assert share == pytest.approx(normal.cdf(value), abs=CLOSE)
    assert not np.isclose(factors, 1, atol=1e-7).any()  # always scaled


def test_rotation_is_a_clipped_normal_for_some(
    scaled_and_rotated: tuple[Any, Any],
) -> None:
    _, degrees = scaled_and_rotated
    prob = RECIPE['rotation']['prob']
    low, high = RECIPE['rotation']['range']
    assert (degrees.min(), degrees.max()) == (low, high)
    turned = degrees[degrees != 0]
    assert len(turned) / MANY == pytest.approx(prob, abs=CLOSE)
    normal = NormalDist(0, RECIPE['rotation']['deviation'])
    for end in (low, high):
        share = (turned == end).mean()
        assert share == pytest.approx(normal.cdf(low), abs=CLOSE)
    for value in (-60, -20, 10, 50):
        share = (turned < value).mean()
        assert share == pytest.approx(normal.cdf(value), abs=2 * CLOSE)


def test_scale_and_rotation_are_drawn_apart(
    scaled_and_rotated: tuple[Any, Any],
) -> None:
    factors, degrees = scaled_and_rotated
    assert abs(np.corrcoef(factors, degrees)[0, 1]) < 2 * CLOSE


def test_types_for_mmpose() -> None:
    results = RandomBoxScaleRotation()(sample(0))
    assert results['bbox_scale'].shape == (1, 2)
    assert results['bbox_rotation'].shape == (1,)
    assert results['bbox_scale'].dtype == np.float32
    assert results['bbox_rotation'].dtype == np.float32


@pytest.mark.parametrize('scope', ['mmpose', 'mmengine'])
def test_they_are_found_from_the_host(scope: str) -> None:
    with DefaultScope.overwrite_default_scope(scope):
        for kind in (FixedBoxShift, RandomBoxScaleRotation):
            name = f'uniformer_mm.{kind.__name__}'
            assert type(TRANSFORMS.build({'type': name})) is kind
