"""The action configs that are ours: changes of the paper's, TSN, toys."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine import Config

from tests.support.recipe import (
    build,
    learning_rates,
    load_config,
    parameter_groups,
    step,
    steps,
)
from uniformer_mm.weights.zoo import ZOO

pytest.importorskip('mmaction.models')
pytest.importorskip('timm')

MAIN = 'uniformer-s_16x4_110e_k400'


@pytest.mark.parametrize(
    ('change', 'differences'),
    [
        ('frozen-bn', {'model.backbone.norm_eval': True}),
        (
            'tl',
            {
                'model.backbone.init_cfg.checkpoint': (
                    'uniformer-small-dim64_tl-224'
                )
            },
        ),
        (
            'bf16',
            {
                'optim_wrapper.dtype': 'bfloat16',
                'optim_wrapper.loss_scale': 1.0,
            },
        ),
    ],
)
def test_a_change_is_the_only_one(
    change: str, differences: dict[str, Any]
) -> None:
    assert changes(load_config('action', f'{MAIN}_{change}')) == differences


def changes(config: Config) -> dict[str, Any]:
    """What differs from the main config, by dotted names."""
    main = load_config('action', MAIN)
    found = {}

    def compare(prefix: str, ours: Any, theirs: Any) -> None:
        if isinstance(ours, dict) and isinstance(theirs, dict):
            assert set(theirs) <= set(ours)
            for key, value in ours.items():
                compare(f'{prefix}.{key}', value, theirs.get(key))
        elif ours != theirs:
            found[prefix[1:]] = ours

    compare('', config.to_dict(), main.to_dict())
    return found


def test_layer_decay() -> None:
    config = load_config('action', f'{MAIN}_layer-decay')
    groups = parameter_groups(config, build(config))
    # Depths of S: the stem, 18 blocks, the head and the last norm.
    expected = {
        'backbone.patch_embed1.proj.weight': (2e-4 * 0.9**19, 0.05),
        'backbone.blocks1.0.norm1.weight': (2e-4 * 0.9**18, 0.0),
        'backbone.blocks4.2.attn.qkv.weight': (2e-4 * 0.9, 0.05),
        'backbone.blocks4.2.attn.qkv.bias': (2e-4 * 0.9, 0.0),
        'backbone.norm.weight': (2e-4, 0.0),
        'cls_head.fc_cls.weight': (2e-4, 0.05),
    }
    for name, (lr, decay) in expected.items():
        assert groups[name] == pytest.approx((lr, decay)), name
    rates = learning_rates(config, [0, 399, 400], 40)
    assert rates == pytest.approx({0: 1e-6, 399: 2e-4, 400: 2e-4})


@pytest.mark.parametrize('arch', ['s', 'b'])
def test_tsn(arch: str) -> None:
    """Trained as the 8x8 model, on the statistics of the image weights."""
    config = load_config('action', f'tsn_uniformer-{arch}_8_100e_k400')
    like = load_config('action', f'uniformer-{arch}_8x8_100e_k400')
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg'):
        assert config[key] == like[key]
    assert config.train_dataloader.batch_size == (
        like.train_dataloader.batch_size
    )
    model = build(config)
    assert type(model).__name__ == 'Recognizer2D'
    assert type(model.cls_head).__name__ == 'TSNHead'
    assert (model.backbone.ndim, model.backbone.out_norm) == (2, 'BN')
    entry = ZOO[config.model.backbone.init_cfg.checkpoint]
    preprocessor = config.model.data_preprocessor
    assert preprocessor.mean == list(entry.mean)
    assert preprocessor.std == list(entry.std)
    pipeline = config.train_dataloader.dataset.pipeline
    sample = {'clip_len': 1, 'num_clips': 8}
    assert step(pipeline, 'SampleFrames') == sample
    erase = step(pipeline[-1].transforms, 'uniformer_mm.RandomErase')
    assert erase.pop('prob') == 0.25
    assert {k: tuple(v) for k, v in erase.items()} == {
        'mean': entry.mean,
        'std': entry.std,
    }
    for split in ('val', 'test'):
        pipeline = config[f'{split}_dataloader'].dataset.pipeline
        sample = {'clip_len': 1, 'num_clips': 8, 'test_mode': True}
        assert step(pipeline, 'SampleFrames') == sample
        assert step(pipeline, 'FormatShape') == {'input_format': 'NCHW'}
        assert 'CenterCrop' in steps(pipeline)


@pytest.mark.parametrize(
    ('name', 'kind', 'classes'),
    [('uniformer-s_toy', 'motion', 4), ('tsn_uniformer-s_toy', 'shape', 3)],
)
def test_toys(name: str, kind: str, classes: int) -> None:
    config = load_config('action', name)
    assert build(config).cls_head.fc_cls.out_features == classes
    assert config.model.backbone.arch == 'small'
    for split, of in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        dataset = config[f'{split}_dataloader'].dataset
        assert dataset.ann_file == f'annotations/clips_{kind}_{of}.txt'
    assert config.test_pipeline == config.test_dataloader.dataset.pipeline
