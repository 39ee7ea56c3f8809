"""What the pose recipes leave to mmpose does what the recipes say."""

from __future__ import annotations

import itertools
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import MODELS, TRANSFORMS, DefaultScope
from torch import nn

from tests.support.recipe import build, step

pytest.importorskip('mmpose')

TASK = 'pose'
Row = dict[str, Any]


def test_the_head_starts_small(row: Row, config: Config) -> None:
    with DefaultScope.overwrite_default_scope('mmpose'):
        head = MODELS.build(config.model.head)
    torch.manual_seed(0)
    head.init_weights()
    convs = (nn.ConvTranspose2d, nn.Conv2d)
    for module in head.modules():
        if isinstance(module, convs):
            std = module.weight.std().item()
            assert std == pytest.approx(row['init_std'], rel=0.05)
            assert module.bias is None or not module.bias.any()
        elif isinstance(module, nn.BatchNorm2d):
            assert torch.equal(module.weight, torch.ones(256))


def test_loss_is_a_mean_over_joints_and_pixels(config: Config) -> None:
    loss = build(config).head.loss_module
    generator = torch.Generator().manual_seed(0)
    shape = (2, 17, 6, 5)
    maps, targets = torch.rand(2, *shape, generator=generator)
    weights = (torch.rand(2, 17, generator=generator) > 0.3).float()
    expected = sum(
        (weights[:, k, None, None] * (maps - targets)[:, k]).pow(2).mean()
        for k in range(17)
    )
    assert loss(maps, targets, weights).item() == pytest.approx(
        float(expected) / 17, rel=1e-6
    )


def test_codec(row: Row, config: Config) -> None:
    codec = build(config).head.decoder
    encoder = step(config.train_dataloader.dataset.pipeline, 'GenerateTarget')
    assert encoder == {'encoder': config.model.head.decoder}
    assert type(codec).__name__ == 'MSRAHeatmap'
    assert not codec.unbiased
    assert list(codec.input_size) == row['input']
    assert list(codec.heatmap_size) == row['heatmap']
    # A joint at 4 px per pixel of the heatmap, and what is one sigma beside.
    encoded = codec.encode(np.array([[[80.0, 120.0]]], np.float32))
    heatmap = encoded['heatmaps'][0]
    assert heatmap.shape == (row['heatmap'][1], row['heatmap'][0])
    assert heatmap[30, 20] == 1
    beside = heatmap[30, 20 + row['sigma']]
    assert beside == pytest.approx(np.exp(-0.5), rel=1e-6)
    # Decoded a quarter of a pixel towards the second largest, and no finer.
    heatmap[30, 21] = 0.99
    (point,), _ = codec.decode(heatmap[None])
    assert point.tolist() == [[4 * 20.25, 4 * 30.0]]


def test_half_body(
    row: Row, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lower half takes chance and 3 joints, else it is the upper."""
    pipeline = config.train_dataloader.dataset.pipeline
    settings = step(pipeline, 'RandomHalfBody')
    rule = row['half_body']
    upper = settings['upper_prioritized_prob']
    share = NormalDist().cdf(rule['upper_if_normal_below'])
    assert upper == pytest.approx(share, abs=1e-4)
    assert settings['prob'] == rule['prob']
    assert settings['padding'] == rule['padding']
    with DefaultScope.overwrite_default_scope('mmpose'):
        half_body = TRANSFORMS.build({'type': 'RandomHalfBody', **settings})
    uppers, lowers = list(range(11)), list(range(11, 17))
    for above, below in itertools.product(range(12), range(7)):
        visible = np.zeros((1, 17))
        visible[0, :above] = visible[0, 11 : 11 + below] = 1
        for applied, prefers_upper in (
            (0.299, True),
            (0.299, False),
            (0.301, True),
        ):
            draws = iter([applied, upper - 0.01 if prefers_upper else 0.7])
            monkeypatch.setattr(np.random, 'rand', lambda d=draws: next(d))
            (chosen,) = half_body._random_select_half_body(
                keypoints_visible=visible,
                upper_body_ids=uppers,
                lower_body_ids=lowers,
            )
            if applied > 0.3 or above + below <= rule['more_than']:
                assert chosen is None
            elif prefers_upper or below <= 2:
                assert chosen == uppers[:above]
            else:
                assert chosen == lowers[:below]


def test_metric(row: Row, config: Config) -> None:
    from mmpose.evaluation import CocoMetric

    for settings in (config.val_evaluator, config.test_evaluator):
        assert set(settings) <= {'type', 'ann_file', '_scope_'}
    metric = CocoMetric()
    assert metric.nms_thr == row['oks']['nms_thr']
    assert metric.keypoint_score_thr == row['oks']['keypoint_score_thr']
    assert metric.nms_mode == 'oks_nms'  # a hard one
    assert metric.score_mode == 'bbox_keypoint'  # their product
