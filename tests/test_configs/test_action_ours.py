"""The action configs that are ours: changes of the paper's, TSN, toys."""

from __future__ import annotations

import pytest

from tests.support.recipe import (
    build,
    load_config,
    step,
    steps,
)
from uniformer_mm.weights.zoo import ZOO

pytest.importorskip('mmaction.models')
pytest.importorskip('timm')

MAIN = 'uniformer-s_16x4_110e_k400'


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
