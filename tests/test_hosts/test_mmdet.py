"""Training and testing through ``mim``, as a user types it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import mmengine
import pytest
import torch
from mmengine import Config
from mmengine.registry import DefaultScope

from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

pytest.importorskip('mmdet')
pytest.importorskip('mim')

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / 'detection' / 'uniformer_maskrcnn.py'
TOY = CONFIG.with_name('uniformer_maskrcnn_toy.py')
COCO4 = ROOT.parent / 'shared' / 'data' / 'coco4'


def mim(*words: object, cwd: Path) -> str:
    """Run ``mim WORDS`` and return its output; fail with it otherwise."""
    done = subprocess.run(
        [sys.executable, '-m', 'mim', *map(str, words)],
        cwd=cwd,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def evaluations(folder: Path) -> list[dict[str, Any]]:
    """Metrics of all evaluations in a training's work folder, in order."""
    (log,) = folder.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return [row for row in rows if 'coco/bbox_mAP' in row]


def metrics_of_mim_test(folder: Path) -> dict[str, Any]:
    """Metrics that ``mim test`` wrote into its work folder."""
    (log,) = folder.glob('*/*.json')
    return json.loads(log.read_text())


def logged_losses(output: str) -> list[float]:
    """The training losses in the log, in order."""
    return [float(x) for x in re.findall(r'  loss: ([\d.]+|nan)', output)]


def assert_same_metrics(a: dict[str, Any], b: dict[str, Any]) -> None:
    metrics = {key: a[key] for key in a if key.startswith('coco/')}
    assert len(metrics) == 12
    assert metrics == {key: b[key] for key in metrics}


def test_toy_training_resumes_and_tests_the_same(tmp_path: Path) -> None:
    spec = ToyDataSpec(train=8, val=4, size=64)
    make_toy_data(tmp_path / 'data' / 'toy', spec)
    train = ('train', 'mmdet', TOY, '--work-dir', 'train', '--cfg-options')
    one = 'train_cfg.max_epochs=1'
    output = mim(*train, one, 'train_cfg.val_interval=1', cwd=tmp_path)
    untrained, after = evaluations(tmp_path / 'train')
    assert untrained['step'] == 0
    (loss,) = logged_losses(output)
    assert 1 < loss < 20
    mim(
        *('test', 'mmdet', TOY, '--checkpoint', 'train/epoch_1.pth'),
        *('--work-dir', 'test', '--show-dir', 'pictures'),
        cwd=tmp_path,
    )
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))
    assert len(list(tmp_path.glob('test/*/pictures/*.jpg'))) == spec.val
    # Resuming reads the optimizer and MMEngine's message hub back.
    resumed = mim(
        *('train', 'mmdet', TOY, '--work-dir', 'train', '--resume'),
        *('--cfg-options', 'train_cfg.max_epochs=2', 'custom_hooks=[]'),
        cwd=tmp_path,
    )
    assert 'resumed epoch: 1, iter: 2' in resumed
    assert (tmp_path / 'train' / 'epoch_2.pth').is_file()


def test_missing_data_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'mim', 'train', 'mmdet', str(CONFIG)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert 'data_root: data/coco' in done.stdout + done.stderr
    assert '`uniformer-mm toy-data data/toy`' in done.stdout + done.stderr


def test_missing_weights_are_named(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'toy', ToyDataSpec(train=1, val=1, size=64))
    (tmp_path / 'weights').mkdir()
    config = tmp_path / 'config.py'
    config.write_text(f"""
_base_ = {str(TOY)!r}
model = dict(backbone=dict(init_cfg=dict(
    _delete_=True, type='uniformer_mm.UniFormerPretrained',
    checkpoint='uniformer-small_in1k')))
""")
    done = subprocess.run(
        [
            *(sys.executable, '-m', 'mim', 'train', 'mmdet', str(config)),
            *('--cfg-options', 'train_dataloader.dataset.data_root=toy'),
            'val_dataloader.dataset.data_root=toy',
            'val_evaluator.ann_file=toy/annotations/instances_val.json',
        ],
        cwd=tmp_path,
        env={**os.environ, 'UNIFORMER_MM_WEIGHTS': str(tmp_path / 'weights')},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert 'uniformer_small_in1k.pth' in output
    assert 'UNIFORMER_MM_WEIGHTS' in output


def test_a_converted_detector_predicts_the_same(tmp_path: Path) -> None:
    """A file as the authors' tools write it goes through convert."""
    make_toy_data(
        tmp_path / 'data' / 'toy', ToyDataSpec(train=1, val=2, size=64)
    )
    with DefaultScope.overwrite_default_scope('mmdet'):
        from mmdet.registry import MODELS

        model = MODELS.build(Config.fromfile(TOY).model)
    torch.manual_seed(0)
    model.init_weights()
    state = model.state_dict()
    torch.save({'state_dict': state}, tmp_path / 'plain.pth')
    official = {
        'meta': {'epoch': 12, 'CLASSES': ('circle', 'square', 'triangle')},
        'state_dict': {f'module.{key}': state[key] for key in state},
        'optimizer': {'state': {}, 'param_groups': []},
        'amp': {'loss_scaler0': {'loss_scale': 65536.0, 'unskipped': 3}},
    }
    torch.save(official, tmp_path / 'official.pth')
    words = ['official.pth', 'converted.pth', '--task', 'detection']
    subprocess.run(
        [sys.executable, '-m', 'uniformer_mm.cli', 'convert', *words],
        cwd=tmp_path,
        check=True,
    )
    results = []
    for name in ('plain', 'converted'):
        mim(
            *('test', 'mmdet', TOY, '--checkpoint', f'{name}.pth'),
            *('--work-dir', name, '--out', f'{name}.pkl', '--cfg-options'),
            'model.test_cfg.rcnn.score_thr=0.0',
            cwd=tmp_path,
        )
        # Written a moment ago by the host itself, so trusted.
        results.append(mmengine.load(tmp_path / f'{name}.pkl'))
    for plain, converted in zip(*results, strict=True):
        for key in ('bboxes', 'scores', 'labels'):
            values = plain['pred_instances'][key]
            assert len(values) > 0
            assert torch.equal(values, converted['pred_instances'][key])


def coco4_options(split: str) -> list[str]:
    """Options that point the data loader of ``split`` at the real images."""
    dataset = f'{split}_dataloader.dataset'
    return [
        f'{dataset}.data_root={COCO4}',
        f'{dataset}.ann_file=test_coco.json',
        f'{dataset}.data_prefix.img=',
        f"{dataset}.metainfo.classes=('person',)",
    ]


@pytest.mark.skipif(not COCO4.is_dir(), reason='no real images beside us')
def test_real_images(tmp_path: Path) -> None:
    """It starts to learn them; learning them whole takes minutes more."""
    ann_file = f'{COCO4}/test_coco.json'
    options = [
        'model.roi_head.bbox_head.num_classes=1',
        'model.roi_head.mask_head.num_classes=1',
        'optim_wrapper.type=OptimWrapper',
        'model.backbone.init_cfg=None',
    ]
    output = mim(
        *('train', 'mmdet', CONFIG, '--work-dir', 'train', '--cfg-options'),
        *coco4_options('train'),
        *coco4_options('val'),
        *options,
        f'val_evaluator.ann_file={ann_file}',
        'train_dataloader.dataset.pipeline.2.scale=(256,256)',
        'val_dataloader.dataset.pipeline.1.scale=(256,256)',
        'optim_wrapper.optimizer.lr=4e-4',
        'param_scheduler.0.end=2',
        'train_cfg.max_epochs=5',
        'train_cfg.val_interval=5',
        'default_hooks.checkpoint.interval=5',
        'default_hooks.logger.interval=1',
        'log_processor.window_size=1',
        'randomness.seed=0',
        cwd=tmp_path,
    )
    (after,) = evaluations(tmp_path / 'train')
    losses = logged_losses(output)
    assert len(losses) == 10
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])
    mim(
        *('test', 'mmdet', CONFIG, '--checkpoint', 'train/epoch_5.pth'),
        *('--work-dir', 'test', '--cfg-options'),
        *coco4_options('test'),
        *options,
        f'test_evaluator.ann_file={ann_file}',
        'test_dataloader.dataset.pipeline.1.scale=(256,256)',
        cwd=tmp_path,
    )
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))
