"""RandAugment of clips and repeated augmentation."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np
import pytest
from mmengine.registry import DefaultScope
from PIL import Image

from uniformer_mm.transforms import RandAugment, RepeatAugment

auto_augment = pytest.importorskip('timm.data.auto_augment')
POLICY = 'rand-m7-n4-mstd0.5-inc1'


def frames(count: int = 4) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (count, 24, 32, 3)).astype(np.uint8))


def seed(number: int) -> None:
    random.seed(number)
    np.random.seed(number)


def test_the_policy_of_the_paper() -> None:
    augment = RandAugment(POLICY).augment
    assert augment.num_layers == 4
    assert augment.choice_weights is None
    assert len(augment.ops) == 15
    for op in augment.ops:
        assert (op.magnitude, op.magnitude_std, op.prob) == (7, 0.5, 0.5)
        assert op.kwargs == {
            'fillcolor': (128, 128, 128),
            'resample': Image.Resampling.BICUBIC,
        }
    names = {op.name for op in augment.ops}
    assert {'PosterizeIncreasing', 'ColorIncreasing'} < names


def test_the_policy_of_the_smallest_models() -> None:
    """'rand' alone: magnitude 10, two operations that do not increase."""
    augment = RandAugment('rand').augment
    assert augment.num_layers == 2
    assert {op.magnitude for op in augment.ops} == {10}
    assert {op.magnitude_std for op in augment.ops} == {0}
    assert not [op.name for op in augment.ops if 'Increasing' in op.name]


def test_all_frames_get_the_same_operations() -> None:
    transform = RandAugment(POLICY)
    changed = 0
    for number in range(20):
        imgs = frames()
        seed(number)
        augmented = transform({'imgs': list(imgs)})['imgs']
        for img, result in zip(imgs, augmented, strict=True):
            seed(number)
            expected = transform.augment(Image.fromarray(img))
            assert np.array_equal(result, np.array(expected))
            assert result.dtype == np.uint8
            changed += not np.array_equal(img, result)
    assert changed > 40  # of 80; each of 4 operations comes with 0.5


def test_clips_get_different_operations() -> None:
    transform = RandAugment(POLICY)
    seed(0)
    results = [
        transform({'imgs': frames(1)})['imgs'][0].tobytes() for _ in range(8)
    ]
    assert len(set(results)) > 4


def test_float_frames_are_refused() -> None:
    imgs = [frame.astype(np.float32) for frame in frames()]
    with pytest.raises(TypeError, match='uint8 frames, got float32; put it i'):
        RandAugment()({'imgs': imgs})


@pytest.mark.parametrize('policy', ['v0', 'rand-q3', 'rand-mstdx1', 7])
def test_unknown_policies(policy: Any) -> None:
    with pytest.raises(ValueError, match=r'policy must be .*, got'):
        RandAugment(policy)


def test_without_timm_the_message_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, 'timm.data.auto_augment', None)
    with pytest.raises(ImportError, match=r"pip install 'uniformer_mm\[acti"):
        RandAugment()


class Darken:
    """Writes into the frames that it is given."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        for frame in results['imgs']:
            frame //= 2
        return results


class Draw:
    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        return {**results, 'drawn': random.random()}


def test_a_clip_is_augmented_twice() -> None:
    imgs = frames()
    before = [frame.copy() for frame in imgs]
    repeat = RepeatAugment([Darken(), Draw()], num_repeats=2)
    first, second = repeat({'imgs': imgs, 'label': 3})
    assert first['label'] == second['label'] == 3
    assert first['drawn'] != second['drawn']
    for sample in (first, second):
        assert all(
            np.array_equal(dark, frame // 2)
            for dark, frame in zip(sample['imgs'], before, strict=True)
        )
    assert all(map(np.array_equal, imgs, before))


def test_transforms_of_the_host_and_its_collation() -> None:
    pytest.importorskip('mmaction.datasets')
    from mmengine.registry import FUNCTIONS

    with DefaultScope.overwrite_default_scope('mmaction'):
        repeat = RepeatAugment(
            [
                {'type': 'uniformer_mm.FloatResize', 'scale': [16, 16]},
                {'type': 'FormatShape', 'input_format': 'NCTHW'},
                {'type': 'PackActionInputs'},
            ]
        )
        collate = FUNCTIONS.get('repeat_pseudo_collate')
    results = [
        {'imgs': frames(), 'label': label, 'num_clips': 1, 'clip_len': 4}
        for label in (3, 5)
    ]
    batch = collate([repeat(r) for r in results])
    assert [tuple(x.shape) for x in batch['inputs']] == [(1, 3, 4, 16, 16)] * 4
    labels = [sample.gt_label.item() for sample in batch['data_samples']]
    assert labels == [3, 3, 5, 5]
