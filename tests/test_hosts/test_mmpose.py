"""Training and testing pose estimators through ``mim``, as a user does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.mim import (
    evaluations,
    logged_losses,
    metrics_of_mim_test,
    mim,
)
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

pytest.importorskip('mmpose')
pytest.importorskip('mim')

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs' / 'pose'
PAPER = CONFIGS / 'td-hm_uniformer-s_210e_coco-256x192.py'
TOY = CONFIGS / 'uniformer_pose_toy.py'
B_TOY = CONFIGS / 'uniformer-b_pose_toy.py'
COCO4 = ROOT.parent / 'shared' / 'data' / 'coco4'
AP = 'coco/AP'


def assert_same_metrics(a: dict[str, Any], b: dict[str, Any]) -> None:
    metrics = {
        key: a[key] for key in a if key.startswith('coco/') or key == 'EPE'
    }
    assert len(metrics) >= 10
    assert metrics == {key: b[key] for key in metrics}


def test_toy_training_tests_the_same(tmp_path: Path) -> None:
    spec = ToyDataSpec(train=16, val=8, size=64, train_clips=0, val_clips=0)
    make_toy_data(tmp_path / 'data' / 'toy', spec)
    output = mim(
        *('train', 'mmpose', TOY, '--work-dir', 'train', '--cfg-options'),
        *('train_cfg.max_epochs=1', 'train_cfg.val_interval=1'),
        *('train_dataloader.batch_size=4', 'default_hooks.logger.interval=1'),
        cwd=tmp_path,
    )
    untrained, after = evaluations(tmp_path / 'train', AP)
    assert untrained['step'] == 0
    assert untrained['EPE'] != after['EPE']
    losses = logged_losses(output)
    # The square of a Gaussian of sigma 1 on a map of 16x16: pi / 256 = 0.012,
    # and less where a box shows a part of the triangle.
    assert losses[0] == pytest.approx(0.01, rel=0.5)
    mim(
        *('test', 'mmpose', TOY, '--checkpoint', 'train/epoch_1.pth'),
        *('--work-dir', 'test', '--show-dir', 'pictures'),
        cwd=tmp_path,
    )
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))
    assert list(tmp_path.glob('test/*/pictures/*'))


@pytest.mark.slow
@pytest.mark.parametrize(('config', 'mark'), [(TOY, 0.7), (B_TOY, 0.7)])
def test_toys_learn(config: Path, mark: float, tmp_path: Path) -> None:
    """They beat the mean pose in its box, which has 0.33 AP."""
    make_toy_data(tmp_path / 'data' / 'toy')
    mim('train', 'mmpose', config, '--work-dir', 'train', cwd=tmp_path)
    untrained, after = evaluations(tmp_path / 'train', AP)
    assert untrained[AP] < 0.1
    assert after[AP] >= mark
    assert after['EPE'] < 3  # pixels, of a picture of 128
    (checkpoint,) = (tmp_path / 'train').glob('*.pth')
    mim(
        *('test', 'mmpose', config, '--checkpoint', checkpoint),
        *('--work-dir', 'test'),
        cwd=tmp_path,
    )
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))


def coco4_options(split: str) -> list[str]:
    """Options that point the data loader of ``split`` at the real images."""
    dataset = f'{split}_dataloader.dataset'
    options = [
        f'{dataset}.data_root={COCO4}',
        f'{dataset}.ann_file=test_coco.json',
        f'{dataset}.data_prefix.img=',
    ]
    if split != 'train':
        options += [
            f'{dataset}.bbox_file={COCO4}/test_coco_det_AP_H_56.json',
            f'{split}_evaluator.ann_file={COCO4}/test_coco.json',
        ]
    return options


@pytest.mark.slow
@pytest.mark.skipif(not COCO4.is_dir(), reason='no real images beside us')
def test_real_images(tmp_path: Path) -> None:
    """It learns 12 people by heart, and is tested on detected boxes."""
    here = ['optim_wrapper.type=OptimWrapper', 'model.backbone.init_cfg=None']
    step = 'train_dataloader.dataset.pipeline'
    output = mim(
        *('train', 'mmpose', PAPER, '--work-dir', 'train', '--cfg-options'),
        *coco4_options('train'),
        *coco4_options('val'),
        *here,
        'train_dataloader.batch_size=6',
        # Few iterations: the same crops in each epoch.
        f'{step}.2.shift_prob=0.0',
        f'{step}.3.prob=0.0',
        f'{step}.4.prob=0.0',
        f'{step}.5.scale_factor=0.0',
        f'{step}.5.rotate_prob=0.0',
        'model.backbone.drop_path_rate=0.0',
        'optim_wrapper.optimizer.lr=5e-4',
        'param_scheduler.0.end=5',
        'train_cfg.max_epochs=50',
        'train_cfg.val_interval=50',
        'default_hooks.checkpoint.interval=50',
        'default_hooks.checkpoint.save_best=None',
        'default_hooks.logger.interval=1',
        'log_processor.window_size=1',
        'randomness.seed=0',
        cwd=tmp_path,
    )
    (after,) = evaluations(tmp_path / 'train', AP)
    losses = logged_losses(output)
    assert len(losses) == 100
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    mim(
        *('test', 'mmpose', PAPER, '--checkpoint', 'train/epoch_50.pth'),
        *('--work-dir', 'test', '--cfg-options'),
        *coco4_options('test'),
        *here,
        cwd=tmp_path,
    )
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))
