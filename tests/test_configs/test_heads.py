"""The heads that the paper does not have: what joins them to our backbone.

That they are built, trained and run is in ``test_small_runs.py``.
"""

from __future__ import annotations

import numpy as np
import pytest
from mmengine import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.hub import get_config
from mmengine.registry import MODELS, DefaultScope

from tests.support.heads import HEADS, NEED_MMDET
from tests.support.recipe import (
    build,
    decay_rule,
    load_config,
    parameter_groups,
    steps,
)

HOSTS = {'detection': 'mmdet', 'segmentation': 'mmseg', 'pose': 'mmpose'}
EVERY = [(task, name) for task, names in HEADS.items() for name in names]
RTMPOSE_STOCK = (
    'body_2d_keypoint/rtmpose/coco/rtmpose-m_8xb256-420e_coco-256x192.py'
)
RTMPOSE = 'rtmpose_uniformer-s_420e_coco-256x192'
# What the optimizer's learning rate and decay are multiplied by, of a
# parameter of the head and of three of the backbone: a norm, a bias and a
# weight of a convolution.
MASK2FORMER = ('cls_embed.weight', (1, 1), (0.1, 0), (0.1, 1), (0.1, 1))
RTMDET = ('rtm_reg.0.weight', (1, 1), (1, 0), (1, 0), (1, 1))
RATES = {
    'deformable-detr_uniformer-s-h14_50e_coco': (
        'sampling_offsets.weight',
        *[(0.1, 1)] * 4,
    ),
    'dino-4scale_uniformer-s-h14_1x_coco': (
        'sampling_offsets.weight',
        (1, 1),
        *[(0.1, 1)] * 3,
    ),
    'fcos_uniformer-s-h14_1x_coco': (
        'conv_cls.weight',
        (1, 1),
        (1, 0),
        (1, 1),
        (1, 1),
    ),
    'mask2former_uniformer-s-h14_50e_coco': MASK2FORMER,
    'mask2former_uniformer-s-h14_50e_coco-panoptic': MASK2FORMER,
    'mask2former_uniformer-s_160k_ade20k': MASK2FORMER,
    'rtmdet-ins_uniformer-s-h14_100e_coco': RTMDET,
    'rtmdet_uniformer-s-h14_100e_coco': RTMDET,
    'segformer_uniformer-s_160k_ade20k': (
        'conv_seg.weight',
        (10, 1),
        (1, 0),
        (1, 1),
        (1, 1),
    ),
    'cid_uniformer-s_140e_coco-512x512': (
        'keypoint_root_conv.weight',
        (1, 1),
        *[(0.3, 1)] * 3,
    ),
    RTMPOSE: ('final_layer.weight', (1, 1), (1, 0), (1, 0), (1, 1)),
}


def load(task: str, name: str) -> Config:
    """The config; skips where a host of it is missing."""
    pytest.importorskip(HOSTS[task])
    if name in NEED_MMDET:
        pytest.importorskip('mmdet')
    return load_config(task, name)


@pytest.mark.parametrize(('task', 'name'), EVERY)
def test_the_backbone_sees_what_it_was_trained_on(
    task: str, name: str
) -> None:
    config = load(task, name)
    processor, backbone = config.model.data_preprocessor, config.model.backbone
    assert processor.mean == [123.675, 116.28, 103.53]
    assert processor.std == [58.395, 57.12, 57.375]
    assert processor.bgr_to_rgb
    assert backbone.init_cfg.checkpoint == 'uniformer-small_in1k'
    # Few images are no batch to normalise by.
    few = config.train_dataloader.batch_size < 8
    assert backbone.get('norm_eval', False) is few


@pytest.mark.parametrize(
    ('task', 'name'), [case for case in EVERY if case[0] != 'pose']
)
def test_images_are_whole_patches(task: str, name: str) -> None:
    """Of a rest at the right and at the bottom nothing would be seen."""
    config = load(task, name)
    pipeline = config.test_dataloader.dataset.pipeline
    image = np.zeros((427, 641, 3), np.uint8)
    sample = {
        'img': image,
        'img_id': 0,
        'img_path': '',
        'img_shape': image.shape[:2],
        'ori_shape': image.shape[:2],
    }
    with DefaultScope.overwrite_default_scope(config.default_scope):
        changes = Compose([s for s in pipeline if 'Load' not in s['type']])
        processor = MODELS.build(config.model.data_preprocessor)
    inputs = processor(pseudo_collate([changes(sample)]))['inputs']
    assert [side % 32 for side in inputs.shape[-2:]] == [0, 0]


@pytest.mark.parametrize(('task', 'name'), EVERY)
def test_rates(task: str, name: str) -> None:
    config = load(task, name)
    groups = parameter_groups(config, build(config))
    optimizer = config.optim_wrapper.optimizer
    ending, *expected = RATES[name]
    head = next(n for n in groups if n.endswith(ending))
    ours = ('norm1.weight', 'conv1.bias', 'conv1.weight')
    parameters = [head, *(f'backbone.blocks1.0.{n}' for n in ours)]
    for parameter, (rate, decay) in zip(parameters, expected, strict=True):
        assert groups[parameter] == pytest.approx(
            (optimizer.lr * rate, optimizer.weight_decay * decay)
        ), parameter


@pytest.mark.parametrize(
    ('task', 'name'), [case for case in EVERY if 'mask2former' in case[1]]
)
def test_mask2former_decays_no_norm(task: str, name: str) -> None:
    """Of all places in the backbone, each with a key of its own."""
    config = load(task, name)
    model = build(config)
    groups = parameter_groups(config, model)
    for name, parameter in model.backbone.named_parameters():
        decayed = decay_rule(name, parameter, 'not_names_with_norm')
        expected = pytest.approx((1e-5, 0.05 * decayed))
        assert groups[f'backbone.{name}'] == expected, name


def test_instances_need_no_panoptic_images() -> None:
    config = load('detection', 'mask2former_uniformer-s-h14_50e_coco')
    for split in ('train', 'val', 'test'):
        prefix = config[f'{split}_dataloader'].dataset.data_prefix
        assert set(prefix) == {'img'}, split


def test_rtmpose_leaves_out_one_step() -> None:
    config = load('pose', RTMPOSE)
    stock = get_config(f'mmpose::{RTMPOSE_STOCK}')
    for name in ('train_pipeline', 'train_pipeline_stage2'):
        left = [s for s in steps(stock[name]) if s != 'Albumentation']
        assert steps(config[name]) == left
    (theirs,), (ours,) = (
        [h for h in c.custom_hooks if h.type == 'mmdet.PipelineSwitchHook']
        for c in (stock, config)
    )
    assert ours.switch_pipeline == config.train_pipeline_stage2
    assert ours.switch_epoch == theirs.switch_epoch
    assert config.train_dataloader.dataset.pipeline == config.train_pipeline


def test_rtmdets_are_trained_alike() -> None:
    boxes, masks = (
        load('detection', f'{name}_uniformer-s-h14_100e_coco')
        for name in ('rtmdet', 'rtmdet-ins')
    )
    for key in ('train_cfg', 'optim_wrapper', 'param_scheduler'):
        assert boxes[key] == masks[key], key
    for key in ('backbone', 'neck', 'data_preprocessor'):
        assert boxes.model[key] == masks.model[key], key
    (ema, switch), theirs = masks.custom_hooks, boxes.custom_hooks
    assert ema.items() <= theirs[0].items()
    assert switch.switch_epoch == theirs[1].switch_epoch
