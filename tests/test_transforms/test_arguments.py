"""Arguments that break a rule are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from uniformer_mm.transforms import (
    DenseSample,
    FixedBoxShift,
    FloatResize,
    MixupCutmix,
    RandomBoxScaleRotation,
    RandomErase,
    RepeatAugment,
)

REQUIRED: dict[type, dict[str, Any]] = {
    DenseSample: {'clip_len': 8, 'frame_interval': 8},
    MixupCutmix: {'num_classes': 5},
    RepeatAugment: {'transforms': []},
}


@pytest.mark.parametrize(
    ('kind', 'changes', 'message'),
    [
        (DenseSample, {'clip_len': 0}, 'clip_len must be >= 1, got 0'),
        (DenseSample, {'num_clips': 0}, 'num_clips must be >= 1'),
        (FixedBoxShift, {'shift_factor': -0.1}, 'shift_factor.*got -0.1'),
        (FixedBoxShift, {'shift_prob': 1.5}, r'shift_prob.*\[0, 1\].*1.5'),
        (FixedBoxShift, {'seed': -1}, 'seed must be >= 0, got -1'),
        (FloatResize, {'scale': 0}, 'scale must be >= 1, got 0'),
        (FloatResize, {'scale': (224, 0)}, 'scale must be >= 1, got 0'),
        (MixupCutmix, {'num_classes': 0}, 'num_classes must be >= 1'),
        (MixupCutmix, {'mixup_alpha': -1}, 'mixup_alpha must be >= 0, got -1'),
        (MixupCutmix, {'mixup_alpha': 0, 'cutmix_alpha': 0}, '0 for both'),
        (MixupCutmix, {'prob': 2}, r'prob must lie in \[0, 1\]'),
        (MixupCutmix, {'switch_prob': -1}, 'switch_prob must lie in'),
        (RandomBoxScaleRotation, {'scale_factor': 1.0}, r'\[0, 1\), got 1.0'),
        (RandomBoxScaleRotation, {'rotate_factor': -40.0}, 'rotate_.*got -40'),
        (RandomBoxScaleRotation, {'rotate_prob': -0.1}, r'\[0, 1\].*-0.1'),
        (RandomErase, {'prob': 1.5}, r'prob must lie in \[0, 1\], got 1\.5'),
        (RandomErase, {'area': (0.5, 0.1)}, 'area must be .low, high. with'),
        (RandomErase, {'area': (0.5, 2)}, 'area must end at 1 or below'),
        (RandomErase, {'aspect': (0, 1)}, 'aspect must be .low, high. with'),
        (RepeatAugment, {'num_repeats': 0}, 'num_repeats must be >= 1, got 0'),
    ],
)
def test_what_breaks_a_rule(
    kind: type, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**REQUIRED.get(kind, {}) | changes)


@pytest.mark.parametrize(
    ('kind', 'changes', 'message'),
    [
        (DenseSample, {'frame_interval': 1.5}, 'frame_interval must be an in'),
        (FloatResize, {'scale': 0.5}, r'side or \(width, height\), got 0\.5'),
        (FloatResize, {'scale': (1, 2, 3)}, 'length of the short side or'),
        (MixupCutmix, {'cutmix_alpha': None}, 'cutmix_alpha must be a number'),
        (RandomErase, {'prob': 'x'}, "prob must be a number, got 'x'"),
        (RandomErase, {'mean': (1, 2)}, 'mean must be 3 numbers'),
        (RepeatAugment, {'transforms': {'type': 'Flip'}}, 'must be a list of'),
    ],
)
def test_what_is_of_a_wrong_type(
    kind: type, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        kind(**REQUIRED.get(kind, {}) | changes)
