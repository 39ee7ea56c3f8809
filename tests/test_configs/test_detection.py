"""The detection configs against the paper's recipes, field by field."""

from __future__ import annotations

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
    recipe,
    step,
    steps,
)
from uniformer_mm.weights.zoo import ZOO

pytest.importorskip('mmdet')

RECIPE = recipe('detection')
MAIN = 'mask-rcnn_uniformer-s-h14_1x_coco'
DIMS = {
    'small': [64, 128, 320, 512],
    'base': [64, 128, 320, 512],
    'xxs': [56, 112, 224, 448],
    'xs': [64, 128, 256, 512],
}
TASK = 'detection'
Row = dict[str, Any]


def test_backbone(row: Row, config: Config) -> None:
    backbone = dict(config.model.backbone)
    init = backbone.pop('init_cfg')
    assert init == {
        'type': 'uniformer_mm.UniFormerPretrained',
        'checkpoint': row['init'],
    }
    entry = ZOO[row['init']]
    assert (entry.arch, entry.token_labeling) == (row['arch'], False)
    model = build(config).backbone
    assert model.num_checkpointed == tuple(row['checkpointed'])
    assert not model.norm_eval
    assert model.frozen_stages <= 0
    assert model.out_indices == (0, 1, 2, 3)
    assert backbone['drop_path_rate'] == row['drop_path_rate']
    if row['attention'] is None:
        assert backbone['type'] == 'uniformer_mm.UniFormerLight'
    else:
        assert backbone['type'] == 'uniformer_mm.UniFormer'
        assert backbone['attention'] == row['attention']
        assert backbone['window_size'] == 14
        assert model.spec.head_dim == 64


def test_neck_and_rpn(row: Row, config: Config) -> None:
    assert config.model.neck == {
        'type': 'FPN',
        'in_channels': DIMS[row['arch']],
        'out_channels': 256,
        'num_outs': 5,
    }
    rpn, head = config.model.rpn_head, RECIPE['heads'][row['head']]
    assert rpn.anchor_generator.scales == [8]
    assert rpn.anchor_generator.ratios == [0.5, 1.0, 2.0]
    assert rpn.anchor_generator.strides == [4, 8, 16, 32, 64]
    assert rpn.loss_bbox == head['rpn_loss']
    assert rpn.loss_cls.type == 'CrossEntropyLoss'
    assert rpn.loss_cls.use_sigmoid
    train = config.model.train_cfg.rpn
    assigner, sampler = train.assigner, train.sampler
    assert (assigner.pos_iou_thr, assigner.neg_iou_thr) == (0.7, 0.3)
    assert (sampler.num, sampler.pos_fraction) == (256, 0.5)
    assert train.allowed_border == head['allowed_border']
    proposals = config.model.train_cfg.rpn_proposal
    kept = [proposals.nms_pre, proposals.max_per_img]
    assert kept == head['proposals']
    test = config.model.test_cfg.rpn
    assert (test.nms_pre, test.max_per_img) == (1000, 1000)
    assert proposals.nms == test.nms == {'type': 'nms', 'iou_threshold': 0.7}


def test_roi_heads(row: Row, config: Config) -> None:
    roi, head = config.model.roi_head, RECIPE['heads'][row['head']]
    cascade = row['head'] == 'cascade'
    boxes = roi.bbox_head if cascade else [roi.bbox_head]
    rcnns = config.model.train_cfg.rcnn
    rcnns = rcnns if cascade else [rcnns]
    assert len(boxes) == len(rcnns) == len(head['stages'])
    for box, rcnn, stage in zip(boxes, rcnns, head['stages'], strict=True):
        assert box.type == head['box_head']
        assert box.bbox_coder.target_stds == stage['stds']
        assert box.loss_bbox == head['box_loss']
        assert box.loss_cls.type == 'CrossEntropyLoss'
        assert (box.fc_out_channels, box.num_classes) == (1024, 80)
        assert not box.reg_class_agnostic
        assert box.get('reg_decoded_bbox', False) is cascade
        if cascade:
            assert (box.num_shared_convs, box.num_shared_fcs) == (4, 1)
            assert box.conv_out_channels == 256
            assert box.norm_cfg.type == 'SyncBN'
        assigner = rcnn.assigner
        assert assigner.pos_iou_thr == assigner.neg_iou_thr == stage['iou']
        assert assigner.match_low_quality == head['match_low_quality']
        assert (rcnn.sampler.num, rcnn.sampler.pos_fraction) == (512, 0.25)
        assert rcnn.mask_size == 28
    if cascade:
        weights = [stage['weight'] for stage in head['stages']]
        assert roi.stage_loss_weights == weights
    mask = roi.mask_head
    assert (mask.type, mask.num_convs) == ('FCNMaskHead', 4)
    assert (mask.conv_out_channels, mask.num_classes) == (256, 80)
    for name, size in (('bbox', 7), ('mask', 14)):
        extractor = roi[f'{name}_roi_extractor']
        assert extractor.roi_layer == {
            'type': 'RoIAlign',
            'output_size': size,
            'sampling_ratio': 0,
        }
        assert extractor.featmap_strides == [4, 8, 16, 32]
    test = config.model.test_cfg.rcnn
    assert (test.score_thr, test.max_per_img) == (0.05, 100)
    assert test.nms == {'type': 'nms', 'iou_threshold': 0.5}
    assert test.mask_thr_binary == 0.5


def test_data(row: Row, config: Config) -> None:
    preprocessor = config.model.data_preprocessor
    assert preprocessor.mean == row['mean']
    assert preprocessor.std == row['std']
    assert preprocessor.bgr_to_rgb is row['rgb']
    assert preprocessor.pad_size_divisor == row['pad_to']
    train = config.train_dataloader
    assert train.batch_size == row['images_per_gpu']
    assert train.num_workers == row['workers']
    assert train.dataset.ann_file == 'annotations/instances_train2017.json'
    test = config.test_dataloader.dataset
    assert test.ann_file == 'annotations/instances_val2017.json'
    resize = step(test.pipeline, 'Resize')
    scale = tuple(row['test_scale'])
    assert resize == {'scale': scale, 'keep_ratio': True}
    assert not [kind for kind in steps(test.pipeline) if 'Flip' in kind]
    assert config.val_evaluator.metric == row['metrics']
    assert config.train_cfg.val_interval == 1
    assert not config.auto_scale_lr.enable


def test_train_pipeline(row: Row, config: Config) -> None:
    pipeline = config.train_dataloader.dataset.pipeline
    assert step(pipeline, 'RandomFlip') == {'prob': 0.5}
    if row['schedule'] == '1x':
        assert steps(pipeline) == [
            'LoadImageFromFile',
            'LoadAnnotations',
            'Resize',
            'RandomFlip',
            'PackDetInputs',
        ]
        expected = {'scale': (1333, 800), 'keep_ratio': True}
        assert step(pipeline, 'Resize') == expected
        return
    assert steps(pipeline) == [
        'LoadImageFromFile',
        'LoadAnnotations',
        'RandomFlip',
        'RandomChoice',
        'PackDetInputs',
    ]
    choice = step(pipeline, 'RandomChoice')
    assert set(choice) == {'transforms'}  # no probabilities: equal ones
    whole, cropped = choice['transforms']
    assert steps(whole) == ['RandomChoiceResize']
    scales = [(side, 1333) for side in range(480, 801, 32)]
    assert whole[0].scales == cropped[2].scales == scales
    kinds = ['RandomChoiceResize', 'RandomCrop', 'RandomChoiceResize']
    assert steps(cropped) == kinds
    assert cropped[0].scales == [(400, 1333), (500, 1333), (600, 1333)]
    assert step(cropped, 'RandomCrop') == {
        'crop_type': 'absolute_range',
        'crop_size': (384, 600),
        'allow_negative_crop': True,
    }
    assert all(s.keep_ratio for s in (whole[0], cropped[0], cropped[2]))


def test_optimizer(row: Row, config: Config) -> None:
    # No gradient clipping, and AMP with its default, dynamic loss scale.
    assert config.optim_wrapper == {
        'type': 'AmpOptimWrapper' if row['amp'] else 'OptimWrapper',
        'optimizer': {
            'type': row['optimizer'],
            'lr': row['lr'],
            'betas': tuple(row['betas']),
            'weight_decay': row['weight_decay'],
        },
        **decay_settings(row['decayed']),
    }
    assert_decay(config, row['lr'], row['weight_decay'], row['decayed'])


def test_the_decay_rule_is_one_of_names() -> None:
    """It hits these and leaves those (recipes, trap T11)."""
    config = load_config('detection', 'mask-rcnn_uniformer-xxs_1x_coco')
    groups = parameter_groups(config, build(config))
    for name, decay in {
        'backbone.patch_embed2.norm.weight': 0,
        'backbone.norm4.bias': 0,
        'backbone.blocks1.0.norm1.weight': 0,
        'backbone.patch_embed1.proj.1.weight': 0.05,  # a batch norm
        'backbone.blocks3.0.attn.qkv.bias': 0.05,
        'backbone.blocks1.0.pos_embed.weight': 0.05,
        'backbone.cls_token': 0.05,
    }.items():
        assert groups[name] == (1e-4, decay), name


def test_schedule(row: Row, config: Config) -> None:
    schedule = RECIPE['schedules'][row['schedule']]
    assert config.train_cfg.max_epochs == schedule['epochs']
    length, warm = 600, row['warmup_iterations']  # a short epoch
    first, second = (length * epoch for epoch in schedule['drops'])
    expected = {
        0: row['warmup_ratio'],
        125: row['warmup_ratio'] + (1 - row['warmup_ratio']) * 125 / warm,
        warm - 1: row['warmup_ratio']
        + (1 - row['warmup_ratio']) * (warm - 1) / warm,
        warm: 1,
        first - 1: 1,
        first: row['drop_factor'],
        second - 1: row['drop_factor'],
        second: row['drop_factor'] ** 2,
        length * schedule['epochs'] - 1: row['drop_factor'] ** 2,
    }
    rates = learning_rates(config, expected, length)
    assert rates == pytest.approx(
        {i: row['lr'] * factor for i, factor in expected.items()}, rel=1e-6
    )


def test_parameters(row: Row, config: Config) -> None:
    count = sum(p.numel() for p in build(config).parameters())
    assert count / 1e6 == pytest.approx(row['params_m'], rel=0.01)


@pytest.mark.parametrize(
    ('name', 'same_as'),
    [
        ('uniformer_maskrcnn', MAIN),
        ('uniformer_cascade', 'cascade-mask-rcnn_uniformer-s-h14_3x-ms_coco'),
    ],
)
def test_a_short_name_is_the_same(name: str, same_as: str) -> None:
    short, long = (load_config('detection', n) for n in (name, same_as))
    assert short.to_dict() == long.to_dict()


@pytest.mark.parametrize(
    ('name', 'classes'),
    [
        ('mask-rcnn_uniformer-s-h14_1x_lvis', 1203),
        ('faster-rcnn_uniformer-s-h14_1x_voc0712', 20),
        ('mask-rcnn_uniformer-s-h14_1x_custom', 2),
    ],
)
def test_templates_know_their_classes(name: str, classes: int) -> None:
    model = build(load_config('detection', name))
    assert model.roi_head.bbox_head.fc_cls.out_features == classes + 1
