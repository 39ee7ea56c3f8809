"""Small segmentors of mmseg, with weights that make many classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.support.models import LIGHT, TINY
from tests.support.small import DEPTHS, stir
from uniformer_mm.models.specs import is_light

CLASSES = 150
CHANNELS = 24  # inside heads
SMALL: dict[str, Any] = {**TINY, 'depths': DEPTHS}
SMALL_LIGHT: dict[str, Any] = {**LIGHT, 'depths': DEPTHS, 'light': True}


def mmseg_model(
    head: str, arch: dict[str, Any] = SMALL, **backbone: Any
) -> Any:
    """A segmentor as the official configs have it, but small.

    Args:
        head: 'upernet' or 'fpn'.
        arch: Of the backbone.
        **backbone: Further arguments of the backbone.
    """
    from mmengine import ConfigDict
    from mmengine.registry import DefaultScope
    from mmseg.registry import MODELS

    kind = 'UniFormerLight' if is_light(arch) else 'UniFormer'
    common = {
        'num_classes': CLASSES,
        'norm_cfg': {'type': 'BN'},
        'align_corners': False,
        'dropout_ratio': 0.1,
    }
    dims = list(arch['embed_dims'])
    pyramid = {'type': 'FPN', 'out_channels': CHANNELS, 'num_outs': 4}
    heads: dict[str, dict[str, Any]] = {
        'upernet': {
            'decode_head': {
                'type': 'UPerHead',
                'in_channels': dims,
                'in_index': [0, 1, 2, 3],
                'pool_scales': (1, 2, 3, 6),
                'channels': CHANNELS,
                **common,
            },
            'auxiliary_head': {
                'type': 'FCNHead',
                'in_channels': dims[2],
                'in_index': 2,
                'channels': CHANNELS,
                'num_convs': 1,
                'concat_input': False,
                **common,
            },
        },
        'fpn': {
            'neck': {**pyramid, 'in_channels': dims},
            'decode_head': {
                'type': 'FPNHead',
                'in_channels': [CHANNELS] * 4,
                'in_index': [0, 1, 2, 3],
                'feature_strides': [4, 8, 16, 32],
                'channels': CHANNELS,
                **common,
            },
        },
    }
    config = ConfigDict(
        {
            'type': 'EncoderDecoder',
            'data_preprocessor': {
                'type': 'SegDataPreProcessor',
                'mean': [123.675, 116.28, 103.53],
                'std': [58.395, 57.12, 57.375],
                'bgr_to_rgb': True,
                'size': (64, 64),
            },
            'backbone': {
                'type': f'uniformer_mm.{kind}',
                'arch': arch,
                **backbone,
            },
            'test_cfg': {'mode': 'whole'},
            **heads[head],
        }
    )
    with DefaultScope.overwrite_default_scope('mmseg'):
        torch.manual_seed(0)
        model = MODELS.build(config)
    stir(model)
    with torch.no_grad():
        # So that a class does not win by its bias alone.
        model.decode_head.conv_seg.weight.normal_(std=1)
        model.decode_head.conv_seg.bias.zero_()
    return model.eval()


def host_label_map(
    model: Any,
    picture: np.ndarray[Any, Any],
    scale: tuple[int, int],
    head: str,
) -> Tensor:
    """The classes of an RGB picture, by mmseg's test pipeline and test step.

    Returns:
        Tensor: (H, W), of the picture's size.
    """
    from mmengine.dataset import Compose
    from mmengine.registry import DefaultScope

    align = {'type': 'ResizeToMultiple', 'size_divisor': 32}
    with DefaultScope.overwrite_default_scope('mmseg'):
        steps = Compose(
            [
                {'type': 'LoadImageFromNDArray'},
                {'type': 'Resize', 'scale': scale, 'keep_ratio': True},
                *([align] if head == 'fpn' else []),
                {'type': 'PackSegInputs'},
            ]
        )
    sample = steps({'img': np.ascontiguousarray(picture[..., ::-1])})
    batch = {
        'inputs': [sample['inputs']],
        'data_samples': [sample['data_samples']],
    }
    with torch.no_grad():
        (result,) = model.test_step(batch)
    return result.pred_sem_seg.data[0]
