"""Classification in mmpretrain, through ``mim`` and its Python API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.registry import DefaultScope

from tests.support.golden import GoldenCase
from tests.support.golden import build as build_golden
from tests.support.mim import (
    evaluations,
    logged_losses,
    metrics_of_mim_test,
    mim,
)
from tests.support.recipe import CONFIGS, load_config
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data
from uniformer_mm.weights.convert import convert

pytest.importorskip('mmpretrain.models')
pytest.importorskip('mim')

TASK = 'classification'
TOY = CONFIGS / TASK / 'uniformer-s_toy.py'
TOP1 = 'accuracy/top1'
FEW = ToyDataSpec(train=8, val=4, train_clips=0, val_clips=0)
# Golden case -> the config that has its model.
PUBLISHED = {
    'cls_small': 'uniformer-s_300e_in1k',
    'cls_light_xxs': 'uniformer-xxs_600e_in1k-160',
    'cls_large_tl': 'token-labeling_uniformer-l_310e_in1k',
}


def build(config: Any) -> Any:
    from mmpretrain.registry import MODELS

    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(config.model).eval()


@pytest.mark.parametrize('golden', PUBLISHED, indirect=True)
def test_official_weights_give_official_logits(golden: GoldenCase) -> None:
    """Loaded strictly, by their official names, into the config's model."""
    state = {
        key.removeprefix('backbone.'): value
        for key, value in build_golden(golden).state_dict().items()
    }
    state, report = convert(state, TASK)
    assert not report.dropped
    model = build(load_config(TASK, PUBLISHED[golden.name]))
    model.load_state_dict(state, strict=True)
    again, report = convert(model.state_dict(), TASK)
    assert not report.renamed
    assert again.keys() == state.keys()
    x = golden.input()
    with torch.no_grad():
        logits = model(x)
        (sample, *_) = model(x, mode='predict')
    assert golden.relative_error('eval0', logits) <= 1e-4
    torch.testing.assert_close(sample.pred_score, logits[0].softmax(-1))
    assert sample.pred_label.tolist() == [int(logits[0].argmax())]


def test_toy_training_tests_the_same(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'data' / 'toy', FEW)
    output = mim(
        *('train', 'mmpretrain', TOY, '--work-dir', 'train'),
        *('--cfg-options', 'train_cfg.max_epochs=1'),
        *('train_cfg.val_interval=1', 'default_hooks.logger.interval=1'),
        'default_hooks.checkpoint.interval=1',
        cwd=tmp_path,
    )
    _, after = evaluations(tmp_path / 'train', TOP1)
    (loss,) = logged_losses(output)
    # Three classes: an untrained head has ln 3 = 1.1, and varies.
    assert 0.5 < loss < 2.2
    mim(
        *('test', 'mmpretrain', TOY, '--checkpoint', 'train/epoch_1.pth'),
        *('--work-dir', 'test'),
        cwd=tmp_path,
    )
    tested = metrics_of_mim_test(tmp_path / 'test')
    assert tested[TOP1] == pytest.approx(after[TOP1])


@pytest.mark.slow
def test_the_toy_learns(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'data' / 'toy')
    mim('train', 'mmpretrain', TOY, '--work-dir', 'train', cwd=tmp_path)
    untrained, *_, after = evaluations(tmp_path / 'train', TOP1)
    assert untrained[TOP1] < 50
    assert after[TOP1] >= 90
