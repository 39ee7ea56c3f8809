"""Models of today's hosts, built as the official ones but narrow."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from tests.support.models import TINY

# Model -> task of its conversion, host, base config.
HOSTS = {
    'mask_rcnn': ('detection', 'mmdet', 'mask-rcnn_r50_fpn'),
    'cascade_mask_rcnn': ('detection', 'mmdet', 'cascade-mask-rcnn_r50_fpn'),
    'semantic_fpn': ('segmentation', 'mmseg', 'fpn_r50'),
    'upernet': ('segmentation', 'mmseg', 'upernet_r50'),
    'pose': ('pose', 'mmpose', None),
}
WIDTHS = TINY['embed_dims']
# Heads of the official Cascade Mask R-CNN; mmdet's base file has others.
CASCADE_BOX_HEAD = {
    'type': 'ConvFCBBoxHead',
    'num_shared_convs': 4,
    'num_shared_fcs': 1,
    'in_channels': 256,
    'conv_out_channels': 256,
    'fc_out_channels': 1024,
    'roi_feat_size': 7,
    'num_classes': 80,
    'norm_cfg': {'type': 'SyncBN'},
    'reg_class_agnostic': False,
    'reg_decoded_bbox': True,
    'bbox_coder': {'type': 'DeltaXYWHBBoxCoder'},
    'loss_bbox': {'type': 'GIoULoss', 'loss_weight': 10.0},
}
POSE = {
    'type': 'TopdownPoseEstimator',
    'head': {
        'type': 'HeatmapHead',
        'in_channels': WIDTHS[-1],
        'out_channels': 17,
        'deconv_out_channels': (256, 256, 256),
        'deconv_kernel_sizes': (4, 4, 4),
        'loss': {'type': 'KeypointMSELoss', 'use_target_weight': True},
    },
}


def build_in(host: str, config: dict[str, Any]) -> nn.Module:
    registry = pytest.importorskip(f'{host}.registry')
    import_module(f'{host}.models')
    with DefaultScope.overwrite_default_scope(host):
        return registry.MODELS.build(config)


def host_model(name: str) -> nn.Module:
    """Build the model of today's host, as the official one but narrow."""
    _, host, base = HOSTS[name]
    backbone = {'type': 'uniformer_mm.UniFormer', 'arch': dict(TINY)}
    if base is None:
        backbone['out_indices'] = (3,)
        return build_in(host, {**POSE, 'backbone': backbone})
    folder = Path(pytest.importorskip(host).__file__).parent
    file = folder / '.mim' / 'configs' / '_base_' / 'models' / f'{base}.py'
    config = Config.fromfile(file).model
    config.backbone = backbone
    config.pop('pretrained', None)  # weights of a ResNet
    if 'neck' in config:
        config.neck.in_channels = list(WIDTHS)
    if name == 'cascade_mask_rcnn':
        config.roi_head.bbox_head = [CASCADE_BOX_HEAD] * 3
    if name == 'upernet':
        config.decode_head.in_channels = WIDTHS
        config.auxiliary_head.in_channels = WIDTHS[2]
    return build_in(host, config)


def recognizer(
    backbone: dict[str, Any], neck: dict[str, Any] | None = None
) -> nn.Module:
    head = {'type': 'I3DHead', 'num_classes': 7, 'in_channels': WIDTHS[-1]}
    return build_in(
        'mmaction',
        {
            'type': 'Recognizer3D',
            'backbone': backbone,
            'neck': neck,
            'cls_head': head,
        },
    )


OURS_FOR_VIDEO = {
    'type': 'uniformer_mm.UniFormer',
    'arch': dict(TINY),
    'ndim': 3,
    'out_indices': (3,),
    'out_norm': 'BN',
}
