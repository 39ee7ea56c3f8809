"""State dicts as the official files hold them, made from the golden cases.

Heads are written down here by the names the official code has them under
(mmdet 2.11, mmseg 0.13, mmpose 0.16), so that they do not come from the hosts
they are compared with.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.support.golden import GOLDEN, GoldenCase, fill

SMALL = 'uniformer_small_in1k.pth'
CASES = sorted(path.stem for path in GOLDEN.glob('*.json'))
DENSE = [name for name in CASES if name.startswith('dense_')]

CONV = ('weight', 'bias')
BN = ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')
CONV_BN = ('conv.weight', *(f'bn.{name}' for name in BN))


def _keys(names: list[str], parts: tuple[str, ...]) -> list[str]:
    return [f'{name}.{part}' for name, part in product(names, parts)]


def _numbered(name: str, *numbers: int) -> list[str]:
    return [f'{name}.{i}' for i in numbers]


FPN = _keys(
    [
        f'neck.{kind}_convs.{i}.conv'
        for kind in ('lateral', 'fpn')
        for i in range(4)
    ],
    CONV,
)
RPN = _keys([f'rpn_head.rpn_{name}' for name in ('conv', 'cls', 'reg')], CONV)


def _mask_head(name: str) -> list[str]:
    convs = [f'{name}.convs.{i}.conv' for i in range(4)]
    return _keys([*convs, f'{name}.upsample', f'{name}.conv_logits'], CONV)


def _box_head(name: str, convs: int, layers: int) -> list[str]:
    shared = _numbered(f'{name}.shared_fcs', *range(layers))
    return _keys([f'{name}.fc_cls', f'{name}.fc_reg', *shared], CONV) + _keys(
        _numbered(f'{name}.shared_convs', *range(convs)), CONV_BN
    )


HEADS: dict[str, list[str]] = {
    'mask_rcnn': [
        *FPN,
        *RPN,
        *_box_head('roi_head.bbox_head', 0, 2),
        *_mask_head('roi_head.mask_head'),
    ],
    'cascade_mask_rcnn': [
        *FPN,
        *RPN,
        *(
            key
            for i in range(3)
            for key in (
                *_box_head(f'roi_head.bbox_head.{i}', 4, 1),
                *_mask_head(f'roi_head.mask_head.{i}'),
            )
        ),
    ],
    'semantic_fpn': [
        *FPN,
        *_keys(['decode_head.conv_seg'], CONV),
        *_keys(
            [
                f'decode_head.scale_heads.{place}'
                for place in ('0.0', '1.0', '2.0', '2.2', '3.0', '3.2', '3.4')
            ],
            CONV_BN,
        ),
    ],
    'upernet': [
        *_keys(['decode_head.conv_seg', 'auxiliary_head.conv_seg'], CONV),
        *_keys(
            [
                *(f'decode_head.psp_modules.{i}.1' for i in range(4)),
                *_numbered('decode_head.lateral_convs', 0, 1, 2),
                *_numbered('decode_head.fpn_convs', 0, 1, 2),
                'decode_head.bottleneck',
                'decode_head.fpn_bottleneck',
                'auxiliary_head.convs.0',
            ],
            CONV_BN,
        ),
    ],
    'pose': [
        *_keys(_numbered('keypoint_head.deconv_layers', 0, 3, 6), ('weight',)),
        *_keys(_numbered('keypoint_head.deconv_layers', 1, 4, 7), BN),
        *_keys(['keypoint_head.final_layer'], CONV),
    ],
}
KINDS = {
    'mask_rcnn': 'detector',
    'cascade_mask_rcnn': 'detector',
    'semantic_fpn': 'segmentor',
    'upernet': 'segmentor',
    'pose': 'pose',
}


def bare(name: str) -> dict[str, Tensor]:
    """Return the state dict of a golden case: shapes, no values."""
    return {
        key: torch.empty(shape, device='meta')
        for key, shape in GoldenCase(name).spec['state_dict']
    }


def filled(name: str) -> dict[str, Tensor]:
    """Return the state dict of a golden case with its values."""
    return {
        key: torch.from_numpy(fill.value_for(key, shape))
        for key, shape in GoldenCase(name).spec['state_dict']
    }


def whole(model: str, backbone: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return ``backbone`` in an official model, its heads of any shape."""
    heads = {key: torch.zeros(1) for key in HEADS[model]}
    return {**{f'backbone.{k}': v for k, v in backbone.items()}, **heads}


def as_recognizer(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a classifier in the names of mmaction2."""
    heads = {'head.weight', 'head.bias'}
    return {
        f'cls_head.fc_cls.{key[5:]}' if key in heads else f'backbone.{key}': v
        for key, v in state.items()
        if not key.startswith(('head_cls.', 'norm_cls.', 'aux_head.'))
    }


def save(path: Path, state: dict[str, Tensor], wrapper: str = 'model') -> str:
    """Save weights in an entry, or bare where ``wrapper`` is ''."""
    torch.save({wrapper: state} if wrapper else state, path)
    return str(path)


def small_file(tmp_path: Path, **changes: Any) -> str:
    """An image classifier's file under the official name."""
    return save(tmp_path / SMALL, {**filled('cls_small'), **changes})
