"""Mixup and cutmix against the official algebra."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import DefaultScope
from torch import Tensor

from uniformer_mm.transforms import MixupCutmix

pytest.importorskip('timm.data.mixup')
structures = pytest.importorskip('mmaction.structures')
CLASSES = 5
LABELS = [0, 1, 2, 3]


def samples(labels: list[int] = LABELS) -> list[Any]:
    return [structures.ActionDataSample().set_gt_label(i) for i in labels]


def clips(n: int = 4) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(n, 1, 3, 2, 16, 20)


def blend(number: int, **settings: Any) -> tuple[Tensor, Tensor, float]:
    """The clips, their targets, and the weight of the unreversed batch."""
    np.random.seed(number)
    imgs, data = MixupCutmix(CLASSES, **settings)(clips(), samples())
    targets = torch.stack([sample.gt_label for sample in data])
    return imgs, targets, targets[0, LABELS[0]].item()


def check_targets(targets: Tensor, weight: float) -> None:
    """Each row: weight for its class, the rest for the opposite's."""
    own = F.one_hot(torch.tensor(LABELS), CLASSES).float()
    expected = weight * own + (1 - weight) * own.flip(0)
    torch.testing.assert_close(targets, expected)


def test_mixup_pairs_with_the_reversed_batch() -> None:
    weights = []
    for number in range(200):
        imgs, targets, weight = blend(number, cutmix_alpha=0)
        before = clips()
        expected = weight * before + (1 - weight) * before.flip(0)
        torch.testing.assert_close(imgs, expected, rtol=1e-4, atol=1e-5)
        check_targets(targets, weight)
        weights.append(weight)
    # Beta(a, a) has the variance 1 / (4 (2 a + 1)).
    assert np.mean(weights) == pytest.approx(0.5, abs=0.08)
    assert np.var(weights) == pytest.approx(1 / (4 * 2.6), rel=0.2)


def test_cutmix_takes_one_box_from_the_reversed_batch() -> None:
    for number in range(50):
        imgs, targets, weight = blend(number, mixup_alpha=0)
        before = clips()
        taken = imgs != before
        assert torch.equal(imgs[taken], before.flip(0)[taken])
        # (N, clips, C, T, H, W) -> (H, W): the same for all.
        box = taken[0, 0, 0, 0]
        assert (taken == box).all()
        rows, columns = box.any(1), box.any(0)
        assert torch.equal(box, rows[:, None] & columns)
        for side in (rows, columns):
            assert (side[1:] != side[:-1]).sum() <= 2
        assert weight == pytest.approx(1 - box.float().mean().item())
        check_targets(targets, weight)


def test_both_come_equally_often() -> None:
    mixed = 0
    for number in range(400):
        imgs, _, weight = blend(number)
        if weight == 1:
            continue  # a box that is no pixel large
        mixed += bool((imgs != clips()).all())
    # Four standard deviations of 400 halves.
    assert mixed == pytest.approx(200, abs=40)


def test_a_batch_may_stay_as_it_is() -> None:
    imgs, targets, weight = blend(0, prob=0)
    assert weight == 1
    assert torch.equal(imgs, clips())
    check_targets(targets, 1)


def test_images_of_2d_recognizers() -> None:
    imgs = torch.randn(2, 8, 3, 16, 16)  # (N, frames, C, H, W)
    before = imgs.clone()
    data = samples([0, 4])
    np.random.seed(0)
    blended, _ = MixupCutmix(CLASSES, cutmix_alpha=0)(imgs, data)
    weight = data[0].gt_label[0].item()
    expected = weight * before + (1 - weight) * before.flip(0)
    torch.testing.assert_close(blended, expected)


def test_with_the_head_the_loss_is_the_official_one() -> None:
    """Smoothing after blending equals blending smoothed targets."""
    from mmaction.registry import MODELS
    from timm.data.mixup import Mixup

    with DefaultScope.overwrite_default_scope('mmaction'):
        head = MODELS.build(
            {
                'type': 'I3DHead',
                'num_classes': CLASSES,
                'in_channels': 8,
                'label_smooth_eps': 0.1,
                'dropout_ratio': 0.0,
            }
        )
    logits = torch.randn(4, CLASSES)
    for number in range(20):
        data = samples()
        np.random.seed(number)
        MixupCutmix(CLASSES)(clips(), data)
        loss = head.loss_by_feat(logits, data)['loss_cls']
        np.random.seed(number)
        official = Mixup(0.8, 1.0, label_smoothing=0.1, num_classes=CLASSES)
        _, targets = official(clips().flatten(1, 3), torch.tensor(LABELS))
        # Each row is off + on at its class: 0.02 and 0.92 of 5 classes.
        assert targets.min() == pytest.approx(0.1 / CLASSES)
        expected = -(targets * logits.log_softmax(1)).sum(1).mean()
        torch.testing.assert_close(loss, expected)


def test_the_host_calls_it_in_training_alone() -> None:
    from mmaction.registry import MODELS

    with DefaultScope.overwrite_default_scope('mmaction'):
        preprocessor = MODELS.build(
            {
                'type': 'ActionDataPreprocessor',
                'mean': [114.75] * 3,
                'std': [57.375] * 3,
                'format_shape': 'NCTHW',
                'blending': {
                    'type': 'uniformer_mm.MixupCutmix',
                    'num_classes': CLASSES,
                },
            }
        )
    inputs = [torch.rand(1, 3, 2, 16, 20) * 255 for _ in range(2)]
    normal = [(x - 114.75) / 57.375 for x in inputs]
    for training in (True, False):
        batch = {'inputs': list(inputs), 'data_samples': samples([0, 1])}
        np.random.seed(0)
        done = preprocessor(batch, training=training)
        same = torch.allclose(done['inputs'], torch.stack(normal))
        assert same is not training
        shape = (CLASSES,) if training else (1,)
        assert done['data_samples'][0].gt_label.shape == shape


def test_batches_that_do_not_fit_are_refused() -> None:
    mix = MixupCutmix(CLASSES)
    with pytest.raises(ValueError, match=r'\[0, 4\] for .*, got \[-1, 5\]'):
        mix(clips(), samples([0, 5, -1, 5]))
    with pytest.raises(ValueError, match='even size, got 3; change batch_si'):
        mix(clips(3), samples([0, 1, 2]))
    data = samples()
    for sample in data:
        sample.set_gt_label(torch.zeros(CLASSES))
    with pytest.raises(
        ValueError, match=r'one label each, got .*shape \(5,\)'
    ):
        mix(clips(), data)
