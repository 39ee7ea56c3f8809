"""The detection configs against the paper's recipe, field by field."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from torch import nn

from uniformer_mm.weights.zoo import ZOO

pytest.importorskip('mmdet')

CONFIGS = Path(__file__).parents[2] / 'configs' / 'detection'


@pytest.fixture
def maskrcnn() -> Config:
    return Config.fromfile(CONFIGS / 'uniformer_maskrcnn.py')


def build(config: Config) -> nn.Module:
    from mmdet.registry import MODELS

    with DefaultScope.overwrite_default_scope('mmdet'), torch.device('meta'):
        return MODELS.build(config.model)


def test_backbone(maskrcnn: Config) -> None:
    assert maskrcnn.model.backbone == {
        'type': 'uniformer_mm.UniFormer',
        'arch': 'small',
        'attention': 'hybrid',
        'window_size': 14,
        'drop_path_rate': 0.2,
        'with_cp': [0, 0, 8, 0],
        'norm_eval': False,
        'init_cfg': {
            'type': 'uniformer_mm.UniFormerPretrained',
            'checkpoint': 'uniformer-small_in1k',
        },
    }
    entry = ZOO['uniformer-small_in1k']
    assert (entry.arch, entry.head_dim) == ('small', 64)
    assert not entry.token_labeling


def test_heads(maskrcnn: Config) -> None:
    model = maskrcnn.model
    assert model.type == 'MaskRCNN'
    assert model.neck == {
        'type': 'FPN',
        'in_channels': [64, 128, 320, 512],
        'out_channels': 256,
        'num_outs': 5,
    }
    rpn = model.rpn_head
    assert rpn.anchor_generator.scales == [8]
    assert rpn.anchor_generator.ratios == [0.5, 1.0, 2.0]
    assert rpn.anchor_generator.strides == [4, 8, 16, 32, 64]
    assert (rpn.loss_bbox.type, rpn.loss_bbox.loss_weight) == ('L1Loss', 1.0)
    assert rpn.loss_cls.type == 'CrossEntropyLoss'
    assert rpn.loss_cls.use_sigmoid
    box, mask = model.roi_head.bbox_head, model.roi_head.mask_head
    assert (box.type, box.fc_out_channels) == ('Shared2FCBBoxHead', 1024)
    assert box.num_classes == mask.num_classes == 80
    assert not box.reg_class_agnostic
    assert box.bbox_coder.target_stds == [0.1, 0.1, 0.2, 0.2]
    assert (box.loss_bbox.type, box.loss_bbox.loss_weight) == ('L1Loss', 1.0)
    assert (mask.type, mask.num_convs) == ('FCNMaskHead', 4)
    for name, size in (('bbox', 7), ('mask', 14)):
        extractor = model.roi_head[f'{name}_roi_extractor']
        assert extractor.roi_layer == {
            'type': 'RoIAlign',
            'output_size': size,
            'sampling_ratio': 0,
        }
        assert extractor.featmap_strides == [4, 8, 16, 32]


def test_assignment_and_sampling(maskrcnn: Config) -> None:
    rpn, rcnn = maskrcnn.model.train_cfg.rpn, maskrcnn.model.train_cfg.rcnn
    assert (rpn.assigner.pos_iou_thr, rpn.assigner.neg_iou_thr) == (0.7, 0.3)
    assert (rpn.sampler.num, rpn.sampler.pos_fraction) == (256, 0.5)
    assert rpn.allowed_border == -1
    proposals = maskrcnn.model.train_cfg.rpn_proposal
    assert (proposals.nms_pre, proposals.max_per_img) == (2000, 1000)
    assert proposals.nms.iou_threshold == 0.7
    assert (rcnn.assigner.pos_iou_thr, rcnn.assigner.neg_iou_thr) == (0.5,) * 2
    assert rcnn.assigner.match_low_quality
    assert (rcnn.sampler.num, rcnn.sampler.pos_fraction) == (512, 0.25)
    assert rcnn.mask_size == 28
    test = maskrcnn.model.test_cfg
    assert (test.rpn.nms_pre, test.rpn.max_per_img) == (1000, 1000)
    assert (test.rcnn.score_thr, test.rcnn.max_per_img) == (0.05, 100)
    assert test.rcnn.nms == {'type': 'nms', 'iou_threshold': 0.5}
    assert test.rcnn.mask_thr_binary == 0.5


def test_data(maskrcnn: Config) -> None:
    preprocessor = maskrcnn.model.data_preprocessor
    assert preprocessor.mean == [123.675, 116.28, 103.53]
    assert preprocessor.std == [58.395, 57.12, 57.375]
    assert preprocessor.bgr_to_rgb
    assert preprocessor.pad_size_divisor == 32
    train = maskrcnn.train_dataloader
    assert (train.batch_size, train.num_workers) == (2, 2)
    steps = [
        (s.type, s.get('scale'), s.get('prob')) for s in train.dataset.pipeline
    ]
    assert steps == [
        ('LoadImageFromFile', None, None),
        ('LoadAnnotations', None, None),
        ('Resize', (1333, 800), None),
        ('RandomFlip', None, 0.5),
        ('PackDetInputs', None, None),
    ]
    test = maskrcnn.test_dataloader.dataset.pipeline
    assert [s.scale for s in test if s.type == 'Resize'] == [(1333, 800)]
    assert not [s for s in test if 'Flip' in s.type]
    assert maskrcnn.val_evaluator.metric == ['bbox', 'segm']
    assert maskrcnn.train_cfg.max_epochs == 12
    assert maskrcnn.train_cfg.val_interval == 1


def test_optimizer_groups(maskrcnn: Config) -> None:
    wrapper = maskrcnn.optim_wrapper.copy()
    assert wrapper.pop('type') == 'AmpOptimWrapper'
    assert set(wrapper) == {'optimizer', 'paramwise_cfg'}  # no gradient clip
    model = build(maskrcnn)
    optimizer = build_optim_wrapper(model, wrapper).optimizer
    assert type(optimizer) is torch.optim.AdamW
    names = {id(p): name for name, p in model.named_parameters()}
    decays = {}
    for group in optimizer.param_groups:
        assert group['lr'] == 1e-4
        assert group['betas'] == (0.9, 0.999)
        for parameter in group['params']:
            decays[names[id(parameter)]] = group['weight_decay']
    assert decays == {
        name: 0.0 if 'norm' in name else 0.05 for name in names.values()
    }
    # The substring rule hits these, and leaves these (recipes, trap T11).
    assert decays['backbone.patch_embed1.norm.weight'] == 0
    assert decays['backbone.norm4.bias'] == 0
    assert decays['backbone.blocks1.0.norm1.weight'] == 0
    assert decays['backbone.blocks3.0.attn.qkv.bias'] == 0.05
    assert decays['backbone.blocks1.0.pos_embed.weight'] == 0.05


def test_learning_rate_curve(maskrcnn: Config) -> None:
    epoch = 7330  # iterations: 117,266 images with objects / 16
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1e-4)
    schedulers = [
        PARAM_SCHEDULERS.build({**s, 'optimizer': optimizer})
        for s in maskrcnn.param_scheduler
    ]
    curve = {}
    for iteration in range(12 * epoch):
        curve[iteration] = optimizer.param_groups[0]['lr']
        optimizer.step()
        for scheduler in schedulers:
            if not scheduler.by_epoch or (iteration + 1) % epoch == 0:
                scheduler.step()
    expected = {
        0: 1e-7,
        # The warm-up ends with its last step, 499.
        250: 1e-4 * (0.001 + 0.999 * 250 / 499),
        499: 1e-4,
        8 * epoch - 1: 1e-4,
        8 * epoch: 1e-5,
        11 * epoch - 1: 1e-5,
        11 * epoch: 1e-6,
    }
    for iteration, rate in expected.items():
        assert curve[iteration] == pytest.approx(rate, rel=1e-6), iteration


def test_parameters_are_the_papers(maskrcnn: Config) -> None:
    count = sum(p.numel() for p in build(maskrcnn).parameters())
    assert count == pytest.approx(41e6, rel=0.01)
