"""The action configs against the paper's recipes, field by field."""

from __future__ import annotations

from math import cos, pi
from typing import Any

import pytest
from mmengine import Config

from tests.support.recipe import (
    assert_decay,
    build,
    decay_settings,
    learning_rates,
    load_config,
    parameter_groups,
)
from uniformer_mm.weights.zoo import ZOO

pytest.importorskip('mmaction.models')
pytest.importorskip('timm')

LIGHT = ('xxs', 'xs')
CHANNELS = {'small': 512, 'base': 512, 'xxs': 448, 'xs': 512}
TASK = 'action'
Row = dict[str, Any]


def test_backbone(row: Row, config: Config) -> None:
    light = row['arch'] in LIGHT
    backbone = config.model.backbone
    init = {
        'type': 'uniformer_mm.UniFormerPretrained',
        'checkpoint': row['init'],
    }
    if any(row['layer_scale']):  # the image weights have none
        init['new_gains'] = True
    assert backbone.init_cfg == init
    entry = ZOO[row['init']]
    assert (entry.arch, entry.token_labeling) == (row['arch'], False)
    kind = 'UniFormerLight' if light else 'UniFormer'
    assert backbone.type == f'uniformer_mm.{kind}'
    model = build(config).backbone
    assert (model.ndim, model.split) == (3, False)
    assert (model.out_indices, model.out_norm) == ((3,), 'BN')
    assert model.out_channels == (CHANNELS[row['arch']],)
    assert model.num_checkpointed == tuple(row['checkpointed'])
    assert model.spec.layer_scale == tuple(row['layer_scale'])
    assert model.spec.head_dim == entry.head_dim
    assert not model.norm_eval
    assert model.frozen_stages <= 0
    assert backbone.drop_path_rate == row['drop_path_rate']
    rates = [
        block.drop_path.drop_prob
        for i in range(4)
        for block in model.get_submodule(f'blocks{i + 1}')
        if hasattr(block.drop_path, 'drop_prob')
    ]
    assert max(rates) == pytest.approx(row['drop_path_rate'])


def test_head_and_loss(row: Row, config: Config) -> None:
    light = row['arch'] in LIGHT
    width = CHANNELS[row['arch']]
    head = dict(config.model.cls_head)
    assert head.pop('init_std') == 0.02
    if light:
        loss = {'type': 'CrossEntropyLoss', 'loss_weight': 0.5}
        assert head.pop('loss_cls') == loss
        assert config.model.neck == {
            'type': 'uniformer_mm.ClassTokenNeck',
            'in_channels': width,
            'num_classes': row['classes'],
            'loss_weight': 0.5,
            'label_smooth_eps': row['smoothing'],
        }
    else:
        assert 'neck' not in config.model
    assert head == {
        'type': 'I3DHead',
        'num_classes': row['classes'],
        'in_channels': width,
        'dropout_ratio': 0.0,
        'label_smooth_eps': row['smoothing'],
        'average_clips': 'score',  # logits
    }
    assert config.model.type == 'Recognizer3D'


def test_normalisation_and_blending(row: Row, config: Config) -> None:
    assert config.model.data_preprocessor == {
        'type': 'ActionDataPreprocessor',
        'mean': [row['mean']] * 3,
        'std': [row['std']] * 3,
        'format_shape': 'NCTHW',
        'blending': {
            'type': 'uniformer_mm.MixupCutmix',
            'num_classes': row['classes'],
            'mixup_alpha': row['mixup'],
            'cutmix_alpha': row['cutmix'],
            'prob': row['mix_prob'],
            'switch_prob': row['switch_prob'],
        },
    }
    assert pytest.approx(row['mean']) == 255 * 0.45
    assert pytest.approx(row['std']) == 255 * 0.225


def test_batch(row: Row, config: Config) -> None:
    loader = config.train_dataloader
    assert loader.batch_size * row['gpus'] == row['batch']
    # Not used unless asked for, and then right.
    scale = {'enable': False, 'base_batch_size': row['batch']}
    assert config.auto_scale_lr == scale


def test_optimizer(row: Row, config: Config) -> None:
    kind = 'AmpOptimWrapper' if row['amp'] else 'OptimWrapper'
    wrapper = dict(config.optim_wrapper)
    assert wrapper.pop('type') == kind
    clip = {'max_norm': row['grad_clip'], 'norm_type': 2}
    assert wrapper.pop('clip_grad') == clip
    assert wrapper.pop('optimizer') == {
        'type': row['optimizer'],
        'lr': row['lr'],
        'betas': tuple(row['betas']),
        'eps': row['eps'],
        'weight_decay': row['weight_decay'],
    }
    assert wrapper == decay_settings(row['decayed'])  # AMP's scale: default
    assert_decay(config, row['lr'], row['weight_decay'], row['decayed'])


def test_what_is_decayed() -> None:
    config = load_config('action', 'uniformer-xxs_4_110e_k400-128')
    groups = parameter_groups(config, build(config))
    for name, decay in {
        'backbone.cls_token': 0.1,
        'backbone.blocks1.0.gamma_1': 0.1,  # (1, C, 1, 1, 1)
        'backbone.blocks3.0.gamma_1': 0,  # (C,)
        'backbone.blocks1.0.pos_embed.weight': 0.1,
        'backbone.patch_embed1.proj.1.weight': 0,  # a batch norm
        'backbone.norm.weight': 0,
        'backbone.norm_cls.bias': 0,
        'backbone.cls_upsample.weight': 0.1,
        'cls_head.fc_cls.weight': 0.1,
        'neck.head_cls.bias': 0,
    }.items():
        assert groups[name] == (4e-4, decay), name


def test_schedule(row: Row, config: Config) -> None:
    length = 40  # of a short epoch
    warm = row['warmup_epochs'] * length
    last = row['epochs'] * length
    assert config.train_cfg.max_epochs == row['epochs']

    def rate(i: int) -> float:
        if i < warm:  # it ends with its last step
            rise = row['lr'] - row['warmup_lr']
            return row['warmup_lr'] + rise * i / (warm - 1)
        fall = row['lr'] - row['min_lr']
        part = (i - warm) / (last - warm)
        return row['min_lr'] + fall * (1 + cos(pi * part)) / 2

    places = [0, 1, warm // 2, warm - 1, warm, warm + 1]
    places += [warm + 7 * length, (warm + last) // 2, last - length, last - 1]
    assert learning_rates(config, places, length) == pytest.approx(
        {i: rate(i) for i in places}, rel=1e-4
    )
