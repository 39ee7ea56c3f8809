"""The segmentation configs against the paper's recipes, field by field."""

from __future__ import annotations

import math
from typing import Any

import pytest
from mmengine import Config

from tests.support.recipe import (
    assert_decay,
    build,
    decay_settings,
    learning_rates,
    recipe,
    step,
    steps,
)
from uniformer_mm.weights.zoo import ZOO

pytest.importorskip('mmseg')

RECIPE = recipe('segmentation')
TASK = 'segmentation'
Row = dict[str, Any]


def test_backbone(row: Row, config: Config) -> None:
    backbone, arch = config.model.backbone, RECIPE['archs'][row['arch']]
    assert backbone.init_cfg == {
        'type': 'uniformer_mm.UniFormerPretrained',
        'checkpoint': row['init'],
    }
    entry = ZOO[row['init']]
    assert (entry.arch, entry.head_dim) == (row['arch'], arch['head_dim'])
    assert not entry.token_labeling
    assert backbone.arch == row['arch']
    assert backbone.drop_path_rate == row['drop_path_rate']
    model = build(config).backbone
    assert list(model.out_channels) == arch['channels']
    assert model.spec.head_dim == arch['head_dim']
    checkpointed = row.get('checkpointed', [0, 0, 0, 0])
    assert list(model.num_checkpointed) == checkpointed
    assert not model.norm_eval
    assert model.frozen_stages <= 0
    if row['attention'] is None:
        assert backbone.type == 'uniformer_mm.UniFormerLight'
        return
    assert backbone.type == 'uniformer_mm.UniFormer'
    assert backbone.attention == row['attention']
    windows = [block.window_size for block in model.blocks3]
    for i, window in enumerate(windows, 1):
        is_global = row['attention'] == 'global' or (
            row['attention'] == 'hybrid' and i % 4 == 0
        )
        assert window == (None if is_global else row['window'])


def test_heads(row: Row, config: Config) -> None:
    model, channels = config.model, RECIPE['archs'][row['arch']]['channels']
    assert model.type == 'EncoderDecoder'
    head = model.decode_head
    assert {key: _plain(head[key]) for key in row['head']} == row['head']
    assert list(head.in_index) == [0, 1, 2, 3]
    assert head.loss_decode == _cross_entropy(1.0)
    heads = [head]
    if row['neck']:
        outputs, width = row['neck']['outputs'], row['neck']['channels']
        assert model.neck == {
            'type': 'FPN',
            'in_channels': channels,
            'out_channels': width,
            'num_outs': outputs,
        }
        assert head.in_channels == [width] * outputs
    else:
        assert 'neck' not in model
        assert head.in_channels == channels
    if row['auxiliary']:
        extra = row['auxiliary']
        heads.append(extra_head := model.auxiliary_head)
        assert extra_head.type == 'FCNHead'
        assert extra_head.in_index == extra['stage'] - 1
        assert extra_head.in_channels == channels[extra['stage'] - 1] == 320
        assert extra_head.channels == extra['channels']
        assert extra_head.num_convs == extra['num_convs']
        assert extra_head.concat_input is False
        assert extra_head.loss_decode == _cross_entropy(extra['loss_weight'])
    else:
        assert 'auxiliary_head' not in model
    for head in heads:
        assert head.norm_cfg == {'type': 'SyncBN', 'requires_grad': True}
        assert head.dropout_ratio == row['dropout']
        assert head.num_classes == row['classes']
        assert head.align_corners is row['align_corners']


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _cross_entropy(weight: float) -> dict[str, Any]:
    return {
        'type': 'CrossEntropyLoss',
        'use_sigmoid': False,
        'loss_weight': weight,
    }


def test_parameters(row: Row, config: Config) -> None:
    count = sum(p.numel() for p in build(config).parameters()) / 1e6
    # To the digits that the paper gives: 25 for 25.3.
    digits = 1 if isinstance(row['params_m'], float) else 0
    assert round(count, digits) == row['params_m']
    assert count == pytest.approx(row['params_m'], rel=0.0125)


def test_training_data(row: Row, config: Config) -> None:
    loader = config.train_dataloader
    assert loader.batch_size == row['images_per_gpu']
    batch = row['gpus'] * row['images_per_gpu']
    assert config.auto_scale_lr == {'enable': False, 'base_batch_size': batch}
    assert loader.sampler == {
        'type': 'InfiniteSampler',
        'shuffle': True,
        '_scope_': 'mmseg',
    }
    assert loader.dataset.type == 'ADE20KDataset'
    assert loader.dataset.data_prefix.img_path == 'images/training'
    pipeline = loader.dataset.pipeline
    assert steps(pipeline) == [
        'LoadImageFromFile',
        'LoadAnnotations',
        'RandomResize',
        'RandomCrop',
        'RandomFlip',
        'PhotoMetricDistortion',
        'PackSegInputs',
    ]
    assert step(pipeline, 'LoadAnnotations') == {'reduce_zero_label': True}
    assert step(pipeline, 'RandomResize') == {
        'scale': tuple(row['scale']),
        'ratio_range': tuple(row['ratio_range']),
        'keep_ratio': True,
    }
    assert step(pipeline, 'RandomCrop') == {
        'crop_size': tuple(row['crop']),
        'cat_max_ratio': row['most_of_one_class'],
    }
    assert step(pipeline, 'RandomFlip') == {'prob': row['flip']}
    assert step(pipeline, 'PhotoMetricDistortion') == {}


def test_preprocessor(row: Row, config: Config) -> None:
    expected = {
        'type': 'SegDataPreProcessor',
        'mean': row['mean'],
        'std': row['std'],
        'bgr_to_rgb': row['rgb'],
        'size': tuple(row['crop']),
        'pad_val': 0,
        'seg_pad_val': row['ignored_label'],
    }
    assert config.model.data_preprocessor == expected
    # The one that `mim test --tta` takes.
    given = dict(config.data_preprocessor)
    assert given.pop('_scope_') == 'mmseg'
    assert given == expected


def test_optimizer(row: Row, config: Config) -> None:
    # No gradient clipping, and no rule where everything is decayed.
    assert config.optim_wrapper == {
        'type': 'OptimWrapper',  # fp32
        'optimizer': {
            'type': row['optimizer'],
            'lr': row['lr'],
            'betas': tuple(row['betas']),
            'weight_decay': row['weight_decay'],
        },
        **decay_settings(row['decayed']),
    }
    assert_decay(config, row['lr'], row['weight_decay'], row['decayed'])


def test_schedule(row: Row, config: Config) -> None:
    last = row['iterations']
    assert config.train_cfg.type == 'IterBasedTrainLoop'
    assert config.train_cfg.max_iters == last
    assert config.train_cfg.val_interval == row['validated_every']
    assert config.env_cfg.cudnn_benchmark is row['cudnn_benchmark']
    warm = row['warmup_iterations']
    places = [0, 1, warm // 2, warm - 1, warm, warm + 1, last // 3]
    places += [last // 2, last - warm, last - 2, last - 1]
    rates = learning_rates(config, places, epoch_length=1)
    expected = {i: row['lr'] * _factor(row, i) for i in places}
    assert rates == pytest.approx(expected, rel=1e-6)


def _factor(row: Row, i: int) -> float:
    """What iteration ``i`` multiplies the learning rate by, as published.

    The warm-up is on top of a curve that begins with the training (T18).
    """
    done = i / row['iterations']
    if row['schedule'] == 'cosine':
        curve = (1 + math.cos(math.pi * done)) / 2
    else:
        curve = (1 - done) ** row['power']
    curve = row['least_ratio'] + (1 - row['least_ratio']) * curve
    missing = max(0.0, 1 - i / row['warmup_iterations'])
    return curve * (1 - missing * (1 - row['warmup_ratio']))
