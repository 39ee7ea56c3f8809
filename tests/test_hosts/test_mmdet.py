"""Training and testing through ``mim``, as a user types it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import mmengine
import pytest
import torch
from mmengine import Config
from mmengine.registry import DefaultScope

from tests.support.markers import needs_compiler
from tests.support.mim import (
    evaluations,
    logged_losses,
    metrics_of_mim_test,
    mim,
    run_mim,
)
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

pytest.importorskip('mmdet')
pytest.importorskip('mim')

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / 'detection' / 'uniformer_maskrcnn.py'
TOY = CONFIG.with_name('uniformer_maskrcnn_toy.py')
CASCADE_TOY = CONFIG.with_name('uniformer_cascade_toy.py')
BOX_AP = 'coco/bbox_mAP'
COCO4 = ROOT.parent / 'shared' / 'data' / 'coco4'
IMAGES = ToyDataSpec(size=64, train_clips=0, val_clips=0)


def assert_same_metrics(a: dict[str, Any], b: dict[str, Any]) -> None:
    metrics = {key: a[key] for key in a if key.startswith('coco/')}
    assert len(metrics) == 12
    assert metrics == {key: b[key] for key in metrics}


def test_toy_training_resumes_and_tests_the_same(tmp_path: Path) -> None:
    spec = replace(IMAGES, train=8, val=4)
    make_toy_data(tmp_path / 'data' / 'toy', spec)
    train = ('train', 'mmdet', TOY, '--work-dir', 'train', '--cfg-options')
    one = 'train_cfg.max_epochs=1'
    output = mim(*train, one, 'train_cfg.val_interval=1', cwd=tmp_path)
    untrained, after = evaluations(tmp_path / 'train', BOX_AP)
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


def test_the_host_s_tool_counts_flops(tmp_path: Path) -> None:
    """It traces the whole detector, where nothing can be imported."""
    make_toy_data(tmp_path / 'data' / 'toy', replace(IMAGES, train=1, val=1))
    output = mim('run', 'mmdet', 'get_flops', CASCADE_TOY, cwd=tmp_path)
    assert 'Params: 28.273M' in output


def test_missing_weights_are_named(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'toy', replace(IMAGES, train=1, val=1))
    (tmp_path / 'weights').mkdir()
    config = tmp_path / 'config.py'
    config.write_text(f"""
_base_ = {str(TOY)!r}
model = dict(backbone=dict(init_cfg=dict(
    _delete_=True, type='uniformer_mm.UniFormerPretrained',
    checkpoint='uniformer-small_in1k')))
""")
    done = run_mim(
        *('train', 'mmdet', config),
        *('--cfg-options', 'train_dataloader.dataset.data_root=toy'),
        'val_dataloader.dataset.data_root=toy',
        'val_evaluator.ann_file=toy/annotations/instances_val.json',
        cwd=tmp_path,
        UNIFORMER_MM_WEIGHTS=str(tmp_path / 'weights'),
    )
    assert done.returncode != 0
    assert 'uniformer_small_in1k.pth' in done.stdout
    assert 'UNIFORMER_MM_WEIGHTS' in done.stdout


def test_a_converted_detector_predicts_the_same(tmp_path: Path) -> None:
    """A file as the authors' tools write it goes through convert."""
    make_toy_data(tmp_path / 'data' / 'toy', replace(IMAGES, train=1, val=2))
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
        [sys.executable, '-m', 'uniformer_mm', 'convert', *words],
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


@pytest.mark.slow
@needs_compiler
def test_compiled_runs_are_like_others(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'data' / 'toy', replace(IMAGES, train=8, val=4))
    config = tmp_path / 'config.py'
    # A shallow backbone is compiled in seconds instead of minutes.
    config.write_text(f"""
_base_ = {str(TOY)!r}
model = dict(
    backbone=dict(arch=dict(
        _delete_=True, depths=(1, 1, 2, 1), embed_dims=(64, 128, 320, 512),
        head_dim=64)),
    test_cfg=dict(rcnn=dict(score_thr=0.0)))
train_cfg = dict(max_epochs=1)
custom_hooks = []
default_hooks = dict(logger=dict(interval=1))
log_processor = dict(window_size=1)
""")
    options = {
        'plain': (),
        'compiled': (
            '--cfg-options',
            'default_hooks.compile.type=uniformer_mm.CompileBackboneHook',
        ),
    }
    losses, results = [], []
    for name, words in options.items():
        output = mim(
            *('train', 'mmdet', config, '--work-dir', f'train-{name}'),
            *words,
            cwd=tmp_path,
        )
        losses.append(logged_losses(output))
        assert ('CompileBackboneHook' in output) == (name == 'compiled')
    for name, words in options.items():
        mim(
            *('test', 'mmdet', config, '--work-dir', f'test-{name}'),
            *('--checkpoint', 'train-compiled/epoch_1.pth'),
            *('--out', f'{name}.pkl', *words),
            cwd=tmp_path,
        )
        # Written a moment ago by the host itself, so trusted.
        results.append(mmengine.load(tmp_path / f'{name}.pkl'))
    assert len(losses[0]) == 2
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    for plain, compiled in zip(*results, strict=True):
        for key in ('scores', 'bboxes'):
            values = plain['pred_instances'][key]
            assert len(values) > 0
            torch.testing.assert_close(
                compiled['pred_instances'][key], values, atol=1e-3, rtol=1e-3
            )
    metrics = [metrics_of_mim_test(tmp_path / f'test-{n}') for n in options]
    for key in metrics[0].keys() - {'time', 'data_time'}:
        assert metrics[1][key] == pytest.approx(metrics[0][key], abs=2e-3)


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
    (after,) = evaluations(tmp_path / 'train', BOX_AP)
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


@pytest.mark.slow
def test_the_toy_cascade_learns(tmp_path: Path) -> None:
    """The other toy, Mask R-CNN, is trained by quickstart.sh."""
    make_toy_data(tmp_path / 'data' / 'toy')
    mim(*('train', 'mmdet', CASCADE_TOY, '--work-dir', 'train'), cwd=tmp_path)
    before, after = evaluations(tmp_path / 'train', BOX_AP)
    for metric in ('coco/bbox_mAP_50', 'coco/segm_mAP_50'):
        assert before[metric] < 0.05
        assert after[metric] > 0.75
    mim(
        *('test', 'mmdet', CASCADE_TOY, '--work-dir', 'test'),
        *('--checkpoint', 'train/epoch_4.pth'),
        cwd=tmp_path,
    )
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))
