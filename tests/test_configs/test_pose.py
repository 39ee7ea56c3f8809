"""The pose configs against the paper's recipes, field by field."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine import Config
from torch import nn

from tests.support.recipe import (
    assert_decay,
    build,
    learning_rates,
    step,
    steps,
)
from uniformer_mm.weights.zoo import ZOO

pytest.importorskip('mmpose')

TASK = 'pose'
Row = dict[str, Any]


def test_backbone(row: Row, config: Config) -> None:
    assert config.model.backbone == {
        'type': 'uniformer_mm.UniFormer',
        'arch': row['arch'],
        'attention': row['attention'],
        'out_indices': tuple(row['out_indices']),
        'drop_path_rate': row['drop_path_rate'],
        'init_cfg': {
            'type': 'uniformer_mm.UniFormerPretrained',
            'checkpoint': row['init'],
        },
    }
    # The official weights of a result are found by the config's name.
    official, entry = ZOO[row['config']], ZOO[row['init']]
    assert (official.task, official.head_dim) == ('pose', 64)
    assert (entry.arch, entry.token_labeling) == (row['arch'], False)
    model = build(config).backbone
    assert model.spec.head_dim == 64
    assert model.num_checkpointed == (0, 0, 0, 0)
    assert not model.norm_eval
    assert model.frozen_stages <= 0
    # What no gradient reaches would need find_unused_parameters.
    assert not config.get('find_unused_parameters')
    assert not hasattr(model, 'norm3')


def test_head(row: Row, config: Config) -> None:
    head = build(config).head
    expected = row['head']
    layers = list(head.deconv_layers)
    deconvs = layers[::3]
    assert all(isinstance(d, nn.ConvTranspose2d) for d in deconvs)
    # Ordinary batch norm: the official config's SyncBN reaches no layer.
    assert {type(layer) for layer in layers[1::3]} == {nn.BatchNorm2d}
    assert {type(layer) for layer in layers[2::3]} == {nn.ReLU}
    assert [d.in_channels for d in deconvs] == [512, 256, 256]
    assert [d.out_channels for d in deconvs] == expected['channels']
    assert [d.kernel_size[0] for d in deconvs] == expected['kernels']
    assert {d.stride for d in deconvs} == {(2, 2)}
    assert isinstance(head.conv_layers, nn.Identity)
    assert head.final_layer.kernel_size == (expected['final_kernel'],) * 2
    assert head.final_layer.out_channels == row['joints']
    # A crop of the backbone's stride 32 is that of the heatmap's stride 4.
    stride = 32 // 2 ** len(deconvs)
    assert [side // stride for side in row['input']] == row['heatmap']


def test_data(row: Row, config: Config) -> None:
    preprocessor = config.model.data_preprocessor
    assert preprocessor.mean == row['mean']
    assert preprocessor.std == row['std']
    assert preprocessor.bgr_to_rgb is row['rgb']
    train = config.train_dataloader
    assert train.batch_size == row['images_per_gpu']
    assert train.num_workers == row['workers']
    for split, name in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        dataset = config[f'{split}_dataloader'].dataset
        assert (dataset.type, dataset.data_root) == (
            'CocoDataset',
            'data/coco/',
        )
        file = f'annotations/person_keypoints_{name}2017.json'
        assert dataset.ann_file == file
        assert dataset.data_prefix == {'img': f'{name}2017/'}
        # Annotated boxes to train on; all detections, also unsure ones, then.
        detections = f'data/coco/person_detection_results/{row["detections"]}'
        assert dataset.get('bbox_file') == (
            None if split == 'train' else detections
        )
        assert 'filter_cfg' not in dataset
        if split != 'train':
            assert config[f'{split}_evaluator'].ann_file == 'data/coco/' + file


def test_train_pipeline(row: Row, config: Config) -> None:
    pipeline = config.train_dataloader.dataset.pipeline
    assert steps(pipeline) == [
        'LoadImage',
        'GetBBoxCenterScale',
        'uniformer_mm.FixedBoxShift',
        'RandomFlip',
        'RandomHalfBody',
        'uniformer_mm.RandomBoxScaleRotation',
        'TopdownAffine',
        'GenerateTarget',
        'PackPoseInputs',
    ]
    assert step(pipeline, 'GetBBoxCenterScale') == {'padding': row['padding']}
    assert step(pipeline, 'uniformer_mm.FixedBoxShift') == {
        'shift_factor': row['shift']['factor'],
        'shift_prob': row['shift']['prob'],
    }
    flip = {'prob': row['flip'], 'direction': 'horizontal'}
    assert step(pipeline, 'RandomFlip') == flip
    scale, rotation = row['scale'], row['rotation']
    assert step(pipeline, 'uniformer_mm.RandomBoxScaleRotation') == {
        'scale_factor': scale['deviation'],
        'rotate_factor': rotation['deviation'],
        'rotate_prob': rotation['prob'],
    }
    # The ranges: one deviation about 1, and two about 0.
    deviation = scale['deviation']
    assert scale['range'] == [1 - deviation, 1 + deviation]
    assert rotation['range'] == [-80, 80] == [-2 * 40, 2 * 40]
    affine = {'input_size': tuple(row['input'])}  # and not unbiased
    assert step(pipeline, 'TopdownAffine') == affine


def test_testing(row: Row, config: Config) -> None:
    pipeline = config.test_dataloader.dataset.pipeline
    assert pipeline == config.val_dataloader.dataset.pipeline
    assert steps(pipeline) == [
        'LoadImage',
        'GetBBoxCenterScale',
        'TopdownAffine',
        'PackPoseInputs',
    ]
    assert step(pipeline, 'TopdownAffine')['input_size'] == tuple(row['input'])
    assert config.model.test_cfg == row['flip_test']
    assert config.train_cfg.val_interval == row['validated_every']
    checkpoints = config.default_hooks.checkpoint
    assert checkpoints.interval == row['saved_every']
    assert checkpoints.save_best == 'coco/AP'


def test_optimizer(row: Row, config: Config) -> None:
    # No gradient clipping, and AMP with its default, dynamic loss scale.
    assert config.optim_wrapper == {
        'type': 'AmpOptimWrapper',
        'optimizer': {
            'type': row['optimizer'],
            'lr': row['lr'],
            'betas': tuple(row['betas']),
            'weight_decay': row['weight_decay'],
        },
    }
    batch = row['gpus'] * row['images_per_gpu']
    assert row['lr'] == row['lr_per_1024'] * batch / 1024
    assert config.auto_scale_lr == {'base_batch_size': batch}  # not enabled
    assert_decay(config, row['lr'], row['weight_decay'], row['decayed'])


def test_schedule(row: Row, config: Config) -> None:
    assert config.train_cfg.max_epochs == row['epochs']
    length, warm = 600, row['warmup_iterations']  # a short epoch
    first, second = (length * epoch for epoch in row['drops'])
    drop, start = row['drop_factor'], row['warmup_ratio']
    expected = {
        0: start,
        125: start + (1 - start) * 125 / warm,
        warm - 1: start + (1 - start) * (warm - 1) / warm,
        warm: 1,
        first - 1: 1,
        first: drop,
        second - 1: drop,
        second: drop**2,
        length * row['epochs'] - 1: drop**2,
    }
    rates = learning_rates(config, expected, length)
    assert rates == pytest.approx(
        {i: row['lr'] * factor for i, factor in expected.items()}, rel=1e-6
    )
