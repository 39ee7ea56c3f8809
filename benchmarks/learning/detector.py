"""The detector: mmdet's ATSS, small, on one of the backbones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.learning.data import CLASSES

__all__ = ['BACKBONES', 'STRIDES', 'detector']

CHANNELS = 64  # of neck and head: most of the time shall be the backbones'
STRIDES = (8, 16, 32)
# Regularisers are off: the trainings are too short to overfit.
BACKBONES: Mapping[str, tuple[Mapping[str, Any], tuple[int, ...]]] = {
    'uniformer-xxs': (
        {'type': 'uniformer_mm.UniFormerLight', 'arch': 'xxs'},
        (112, 224, 448),
    ),
    'uniformer-s-h14': (
        {
            'type': 'uniformer_mm.UniFormer',
            'arch': 'small',
            'attention': 'hybrid',
            'window_size': 14,
        },
        (128, 320, 512),
    ),
    'resnet-50': ({'type': 'ResNet', 'depth': 50}, (512, 1024, 2048)),
    'swin-t': (
        {'type': 'SwinTransformer', 'drop_path_rate': 0.0},
        (192, 384, 768),
    ),
}
"""Name -> arguments of the backbone, and channels of its maps."""


def detector(model: str) -> dict[str, Any]:
    """Return the config of ATSS with small neck and head on a backbone."""
    backbone, channels = BACKBONES[model]
    return {
        'type': 'ATSS',
        'data_preprocessor': {
            'type': 'DetDataPreprocessor',
            'mean': [123.675, 116.28, 103.53],
            'std': [58.395, 57.12, 57.375],
            'bgr_to_rgb': True,
            'pad_size_divisor': 32,
        },
        'backbone': {**backbone, 'out_indices': (1, 2, 3)},
        'neck': {
            'type': 'FPN',
            'in_channels': list(channels),
            'out_channels': CHANNELS,
            'num_outs': len(STRIDES),
        },
        'bbox_head': {
            'type': 'ATSSHead',
            'num_classes': len(CLASSES),
            'in_channels': CHANNELS,
            'feat_channels': CHANNELS,
            'stacked_convs': 2,
            'norm_cfg': {'type': 'GN', 'num_groups': 16},
            # Squares of 32, 64 and 128 pixels: cells have 20 to 110.
            'anchor_generator': {
                'type': 'AnchorGenerator',
                'ratios': [1.0],
                'octave_base_scale': 4,
                'scales_per_octave': 1,
                'strides': list(STRIDES),
            },
            'bbox_coder': {
                'type': 'DeltaXYWHBBoxCoder',
                'target_means': [0.0] * 4,
                'target_stds': [0.1, 0.1, 0.2, 0.2],
            },
            'loss_cls': {
                'type': 'FocalLoss',
                'use_sigmoid': True,
                'gamma': 2.0,
                'alpha': 0.25,
            },
            'loss_bbox': {'type': 'GIoULoss', 'loss_weight': 2.0},
            'loss_centerness': {
                'type': 'CrossEntropyLoss',
                'use_sigmoid': True,
            },
        },
        'train_cfg': {
            'assigner': {'type': 'ATSSAssigner', 'topk': 9},
            'allowed_border': -1,
            'pos_weight': -1,
        },
        'test_cfg': {
            'nms_pre': 1000,
            'min_bbox_size': 0,
            'score_thr': 0.05,
            'nms': {'type': 'nms', 'iou_threshold': 0.6},
            'max_per_img': 100,
        },
    }
