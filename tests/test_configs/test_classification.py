"""The classification configs against the paper's recipes, field by field."""

from __future__ import annotations

from fractions import Fraction
from math import cos, floor, pi
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
    step,
    steps,
)
from uniformer_mm.models.specs import ARCHS
from uniformer_mm.weights.zoo import ZOO

pytest.importorskip('mmpretrain')
pytest.importorskip('timm')

TASK = 'classification'
Row = dict[str, Any]
READ = {
    'type': 'LoadImageFromFile',
    'color_type': 'color_ignore_orientation',
    'imdecode_backend': 'pillow',
}
BICUBIC = {'backend': 'pillow', 'interpolation': 'bicubic'}


def is_labelled(row: Row) -> bool:
    return row['method'].startswith('token labels')


def test_backbone(row: Row, config: Config) -> None:
    kind = 'UniFormer'
    if row['method'] == 'light':
        kind = 'UniFormerLight'
    elif is_labelled(row):
        kind = 'MixTokenUniFormer'
    assert config.model.type == 'ImageClassifier'
    assert config.model.backbone.type == f'uniformer_mm.{kind}'
    model = build(config).backbone
    spec = ARCHS[row['arch']]
    assert model.spec.head_dim == row['head_dim']
    for name in ('depths', 'embed_dims', 'stem', 'layer_scale', 'light'):
        assert getattr(model.spec, name) == getattr(spec, name)
    assert (model.out_indices, model.out_norm) == ((3,), 'BN')
    assert (model.norm_eval, model.num_checkpointed) == (False, (0,) * 4)
    assert config.model.backbone.drop_path_rate == row['drop_path_rate']
    init = {
        part: config.model[part].get('init_cfg')
        for part in ('backbone', 'head')
    }
    if 'init' in row:
        for part, way in (
            ('backbone', 'UniFormerPretrained'),
            ('head', 'ClsHeadPretrained'),
        ):
            assert init[part] == {
                'type': f'uniformer_mm.{way}',
                'checkpoint': row['init'],
            }
        entry = ZOO[row['init']]
        assert (entry.arch, entry.head_dim) == (row['arch'], row['head_dim'])
    else:
        assert init['backbone'] is None  # from scratch


def test_head_and_loss(row: Row, config: Config) -> None:
    head = dict(config.model.head)
    head.pop('init_cfg', None)
    width = ARCHS[row['arch']].embed_dims[-1]
    common = {'num_classes': row['classes'], 'in_channels': width}
    if row['method'] == 'plain':
        assert config.model.neck == {'type': 'GlobalAveragePooling'}
        assert head == {
            'type': 'LinearClsHead',
            **common,
            'loss': {
                'type': 'LabelSmoothLoss',
                'label_smooth_val': row['smoothing'],
                'mode': 'original',
            },
        }
        (init,) = [config.model.head.init_cfg]
        assert (init.layer, init.std) == ('Linear', row['init_std'])
        return
    assert config.model.neck is None
    kind = 'TokenLabelClsHead' if is_labelled(row) else 'LightClsHead'
    assert head == {
        'type': f'uniformer_mm.{kind}',
        **common,
        'label_smooth_eps': row['smoothing'],
    }


def test_normalisation_and_blending(row: Row, config: Config) -> None:
    assert config.model.data_preprocessor == {
        'type': 'ClsDataPreprocessor',
        'num_classes': row['classes'],
        'mean': row['mean'],
        'std': row['std'],
        'to_rgb': True,
    }
    if is_labelled(row):
        assert config.model.train_cfg is None
        return
    assert config.model.train_cfg == {
        'augments': [
            {'type': 'Mixup', 'alpha': row['mixup']},
            {'type': 'CutMix', 'alpha': row['cutmix']},
        ],
        'probs': [0.5, 0.5],
    }


def test_train_pipeline(row: Row, config: Config) -> None:
    pipeline = config.train_dataloader.dataset.pipeline
    size = row['size']
    assert pipeline[0] == READ
    assert step(pipeline, 'RandomFlip') == {
        'prob': row['flip'],
        'direction': 'horizontal',
    }
    erase = step(pipeline, 'uniformer_mm.RandomErase')
    assert erase.pop('prob') == row['erase']
    assert erase == {  # of pictures, which are B G R
        'mean': tuple(reversed(row['mean'])),
        'std': tuple(reversed(row['std'])),
    }
    if is_labelled(row):
        assert steps(pipeline)[1:] == [
            'uniformer_mm.LoadTokenLabels',
            'RandomFlip',
            'uniformer_mm.TokenLabelAugment',
            'uniformer_mm.RandomErase',
            'PackInputs',
        ]
        assert step(pipeline, 'uniformer_mm.TokenLabelAugment') == {
            'size': size,
            'policy': row['augment'],
        }
        packed = step(pipeline, 'PackInputs')['algorithm_keys']
        assert packed == ('token_labels', 'crop_box')
        return
    assert steps(pipeline)[1:] == [
        'RandomResizedCrop',
        'RandomFlip',
        'uniformer_mm.PictureAugment',
        'uniformer_mm.RandomErase',
        'PackInputs',
    ]
    crop = {'scale': size, **BICUBIC}  # area and aspect are its defaults
    assert step(pipeline, 'RandomResizedCrop') == crop
    augment = step(pipeline, 'uniformer_mm.PictureAugment')
    assert augment.pop('policy') == row['augment']
    assert augment.get('size', 224) == size


def test_test_pipeline(row: Row, config: Config) -> None:
    over, under = row['crop'].split('/')
    ratio = Fraction(over) / Fraction(under)
    assert row['resized'] == floor(ratio * row['size'])
    for loader in (config.val_dataloader, config.test_dataloader):
        assert loader.dataset.pipeline == [
            READ,
            {
                'type': 'ResizeEdge',
                'scale': row['resized'],
                'edge': 'short',
                **BICUBIC,
            },
            {'type': 'CenterCrop', 'crop_size': row['size']},
            {'type': 'PackInputs'},
        ]
        assert loader.dataset.split == 'val'
    assert config.test_evaluator == {'type': 'Accuracy', 'topk': (1, 5)}


def test_batch(row: Row, config: Config) -> None:
    loader = config.train_dataloader
    assert loader.batch_size * row['gpus'] == row['batch']
    assert (loader.num_workers, loader.drop_last) == (row['workers'], True)
    sampler = {'type': 'DefaultSampler', 'shuffle': True}
    if row['repeats'] > 1:
        sampler['type'] = 'RepeatAugSampler'
        sampler['num_repeats'] = row['repeats']
    assert loader.sampler == sampler
    scale = {'enable': False, 'base_batch_size': row['batch']}
    assert config.auto_scale_lr == scale


def peak(row: Row) -> float:
    return row.get('lr') or row['lr_per_512'] * row['batch'] / 512


def test_optimizer(row: Row, config: Config) -> None:
    wrapper = dict(config.optim_wrapper)
    amp = 'AmpOptimWrapper' if row['amp'] else 'OptimWrapper'
    assert wrapper.pop('type') == amp
    optimizer = dict(wrapper.pop('optimizer'))
    assert optimizer.pop('lr') == pytest.approx(peak(row))
    assert optimizer == {
        'type': row['optimizer'],
        'betas': tuple(row['betas']),
        'eps': row['eps'],
        'weight_decay': row['weight_decay'],
    }
    assert wrapper == decay_settings(row['decayed'])  # no clipping
    lr = config.optim_wrapper.optimizer.lr
    assert_decay(config, lr, row['weight_decay'], row['decayed'])


def test_what_is_decayed() -> None:
    config = load_config(TASK, 'uniformer-xxs_600e_in1k')
    groups = parameter_groups(config, build(config))
    for name, decay in {
        'backbone.cls_token': 0,
        'backbone.cls_upsample.weight': 0.1,
        'backbone.blocks1.0.pos_embed.weight': 0.1,
        'backbone.norm.weight': 0,
        'backbone.norm_cls.bias': 0,
        'head.fc.weight': 0.1,
        'head.fc_cls.bias': 0,
    }.items():
        assert groups[name][1] == decay, name
    config = load_config(TASK, 'token-labeling_uniformer-l_310e_in1k')
    groups = parameter_groups(config, build(config))
    assert groups['backbone.blocks1.0.gamma_1'][1] == 0.05  # (1, C, 1, 1)
    assert groups['backbone.blocks3.0.gamma_1'][1] == 0  # (C,)


def test_schedule(row: Row, config: Config) -> None:
    last = row['epochs'] + row['cooldown']
    assert config.train_cfg.max_epochs == last

    def rate(epoch: int) -> float:
        if epoch < row['warmup']:
            part = epoch / row['warmup']
            return row['warmup_lr'] + part * (peak(row) - row['warmup_lr'])
        fall = (1 + cos(pi * min(epoch / row['epochs'], 1))) / 2
        return row['min_lr'] + (peak(row) - row['min_lr']) * fall

    warm = row['warmup']
    places = {0, 1, warm // 2, warm, warm + 1, last // 2, last - 20, last - 1}
    # Below the line of the warm-up the cosine has begun to fall.
    assert learning_rates(config, sorted(places), 1) == pytest.approx(
        {epoch: rate(epoch) for epoch in sorted(places)}, rel=0.007
    )


def test_average(row: Row, config: Config) -> None:
    if not row['ema']:
        assert config.custom_hooks == []
        return
    (hook,) = config.custom_hooks
    assert hook.type == 'EMAHook'
    assert 1 - hook.momentum == pytest.approx(row['ema'], abs=1e-9)
    assert hook.update_buffers
    assert hook.evaluate_on_origin
    assert hook.evaluate_on_ema is row['ema_evaluated']
