"""The configs that the paper does not have: which, and what they change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.heads import HEADS
from tests.support.recipe import (
    build,
    changes,
    config_names,
    experiments,
    learning_rates,
    load_config,
    parameter_groups,
)
from uniformer_mm.weights.zoo import ZOO

# Task: the config that is changed, a module that its models need.
MAIN = {
    'detection': ('mask-rcnn_uniformer-s-h14_1x_coco', 'mmdet'),
    'segmentation': ('upernet_uniformer-s-h14_160k_ade20k', 'mmseg'),
    'pose': ('td-hm_uniformer-s_210e_coco-256x192', 'mmpose'),
    'action': ('uniformer-s_16x4_110e_k400', 'mmaction.models'),
}
# Those that change more than one thing of it.
OTHERS = {
    'detection': {
        'faster-rcnn_uniformer-s-h14_1x_custom',
        'faster-rcnn_uniformer-s-h14_1x_voc0712',
        'mask-rcnn_uniformer-s-h14_1x_custom',
        'mask-rcnn_uniformer-s-h14_1x_lvis',
        'uniformer_cascade',
        'uniformer_cascade_toy',
        'uniformer_maskrcnn',
        'uniformer_maskrcnn_toy',
        *HEADS['detection'],
    },
    'segmentation': {
        'semantic-fpn_uniformer-s-h14_40k_voc12aug',
        'upernet_uniformer-s-h14_80k_cityscapes',
        'upernet_uniformer-s-h14_custom',
        'uniformer_fpn_toy',
        'uniformer_upernet_toy',
        *HEADS['segmentation'],
    },
    'pose': {
        'td-hm_uniformer-s_210e_custom-256x192',
        'uniformer_pose_toy',
        'uniformer-b_pose_toy',
        *HEADS['pose'],
    },
    'action': {
        'tsn_uniformer-s_8_100e_k400',
        'tsn_uniformer-b_8_100e_k400',
        'tsn_uniformer-s_toy',
        'uniformer-s_16x4_custom',
        'uniformer-s_toy',
    },
    'classification': {'uniformer-s_custom', 'uniformer-s_toy'},
}
TL = 'uniformer-small-dim64_tl-224'
WRAPPER = 'optim_wrapper'
BFLOAT16 = {f'{WRAPPER}.dtype': 'bfloat16', f'{WRAPPER}.loss_scale': 1.0}
FALLING = {f'{WRAPPER}.paramwise_cfg.layer_decay_rate': 0.9}
RATE = f'{WRAPPER}.optimizer.lr'
CHANGES: dict[str, dict[str, Any]] = {
    'frozen-bn': {'model.backbone.norm_eval': True},
    'tl': {'model.backbone.init_cfg.checkpoint': TL},
    'bf16': BFLOAT16,
}
# Beside these, and of which tasks.
FURTHER: dict[str, dict[str, Any]] = {
    # fp32 before.
    'segmentation bf16': {f'{WRAPPER}.type': 'AmpOptimWrapper'},
    # The accuracy that the head logs goes by numpy.
    'pose bf16': {'model.train_cfg': {'compute_acc': False}},
    'detection layer-decay': {**FALLING, RATE: 2e-4},
    'segmentation layer-decay': {**FALLING, RATE: 1.2e-4},
    # Everything is decayed, before and after.
    'pose layer-decay': {
        f'{WRAPPER}.constructor': (
            'uniformer_mm.LayerDecayOptimWrapperConstructor'
        ),
        f'{WRAPPER}.paramwise_cfg': {
            'layer_decay_rate': 0.9,
            'decay_groups': 'everything',
        },
    },
}
# Depths of S: the stem, 18 blocks, the heads and new norms. Name of a
# parameter: power of 0.9, whether it is decayed.
FALLS: dict[str, dict[str, tuple[int, bool]]] = {
    'detection': {
        'backbone.patch_embed1.proj.weight': (19, True),
        'backbone.blocks1.0.norm1.weight': (18, False),
        'backbone.blocks4.2.attn.qkv.bias': (1, True),
        'backbone.norm1.weight': (0, False),
        'rpn_head.rpn_conv.weight': (0, True),
    },
    'segmentation': {
        'backbone.patch_embed1.proj.weight': (19, True),
        'backbone.blocks1.0.norm1.weight': (18, False),
        'backbone.blocks4.2.attn.qkv.bias': (1, True),
        'backbone.norm1.weight': (0, False),
        'decode_head.bottleneck.bn.weight': (0, True),  # not 'norm'
        'auxiliary_head.conv_seg.weight': (0, True),
    },
    'pose': {
        'backbone.patch_embed1.proj.weight': (19, True),
        'backbone.blocks1.0.norm1.weight': (18, True),
        'backbone.blocks4.2.attn.qkv.bias': (1, True),
        'backbone.norm4.weight': (0, True),
        'head.deconv_layers.1.weight': (0, True),
        'head.final_layer.bias': (0, True),
    },
    'action': {
        'backbone.patch_embed1.proj.weight': (19, True),
        'backbone.blocks1.0.norm1.weight': (18, False),
        'backbone.blocks4.2.attn.qkv.weight': (1, True),
        'backbone.blocks4.2.attn.qkv.bias': (1, False),
        'backbone.norm.weight': (0, False),
        'cls_head.fc_cls.weight': (0, True),
    },
}


@pytest.mark.parametrize('change', [*CHANGES, 'layer-decay'])
@pytest.mark.parametrize('task', MAIN)
def test_a_change_is_the_only_one(task: str, change: str) -> None:
    name, _ = MAIN[task]
    found = changes(
        load_config(task, f'{name}_{change}'), load_config(task, name)
    )
    if (task, change) == ('action', 'layer-decay'):
        # The warm-up, which starts from a rate of its own.
        (warm_up, _) = found.pop('param_scheduler')
        assert warm_up['start_factor'] == 1e-6 / 2e-4
        assert found == {**FALLING, RATE: 2e-4}
    else:
        further = FURTHER.get(f'{task} {change}', {})
        assert found == {**CHANGES.get(change, {}), **further}


@pytest.mark.parametrize('task', MAIN)
def test_layer_decay(task: str) -> None:
    name, host = MAIN[task]
    pytest.importorskip(host)
    config = load_config(task, f'{name}_layer-decay')
    rate = config.optim_wrapper.optimizer.lr
    decay = config.optim_wrapper.optimizer.weight_decay
    groups = parameter_groups(config, build(config))
    for name, (power, decayed) in FALLS[task].items():
        expected = rate * 0.9**power, decay * decayed
        assert groups[name] == pytest.approx(expected), name


def test_a_higher_rate_starts_from_the_same() -> None:
    config = load_config('action', f'{MAIN["action"][0]}_layer-decay')
    rates = learning_rates(config, [0, 399, 400], 40)
    assert rates == pytest.approx({0: 1e-6, 399: 2e-4, 400: 2e-4})


def test_token_labelled_weights_have_our_heads() -> None:
    entry = ZOO[TL]
    assert (entry.arch, entry.head_dim) == ('small', 64)
    assert entry.token_labeling


@pytest.mark.parametrize('task', OTHERS)
def test_every_config_is_the_papers_or_ours(task: str) -> None:
    papers = {row['config'] for row in experiments(task)}
    changed = {
        f'{MAIN[task][0]}_{change}'
        for change in (*CHANGES, 'layer-decay')
        if task in MAIN
    }
    assert papers | changed | OTHERS[task] == set(config_names(task))
