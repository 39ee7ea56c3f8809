"""Action recognition in mmaction2, through ``mim`` and its Python API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmengine
import pytest
import torch
from mmengine import Config
from mmengine.registry import DefaultScope

from tests.support.mim import (
    evaluations,
    logged_losses,
    metrics_of_mim_test,
    mim,
)
from uniformer_mm.data_checks.sample import BadSampleError
from uniformer_mm.engine import DataCheckRunner
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

pytest.importorskip('mmaction.models')
pytest.importorskip('mim')

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs' / 'action'
PAPER = CONFIGS / 'uniformer-s_16x4_110e_k400.py'
TOY = CONFIGS / 'uniformer-s_toy.py'
TSN_TOY = CONFIGS / 'tsn_uniformer-s_toy.py'
VIDEOS = ROOT.parent / 'shared' / 'data' / 'video'
TOP1 = 'acc/top1'
CLIPS = ToyDataSpec(train=1, val=1, train_clips=8, val_clips=4)

TINY = {'depths': (1, 1, 1, 1), 'embed_dims': (8, 8, 16, 16), 'head_dim': 8}
IMAGE = {'type': 'uniformer_mm.UniFormer', 'arch': TINY}
HEAD = {'num_classes': 5, 'in_channels': 16, 'average_clips': 'prob'}


@pytest.mark.parametrize(
    ('recognizer', 'backbone', 'head', 'shape'),
    [
        # Clips as frames, (clips, frames, C, H, W): TSN.
        ('Recognizer2D', IMAGE, 'TSNHead', (3, 3, 64, 64)),
        # (clips, C, T, H, W)
        ('Recognizer3D', {**IMAGE, 'ndim': 3}, 'I3DHead', (1, 3, 4, 64, 64)),
        (
            'Recognizer3D',
            {**IMAGE, 'ndim': 3, 'type': 'uniformer_mm.UniFormerLight'},
            'I3DHead',
            (1, 3, 4, 64, 64),
        ),
    ],
)
def test_recognizer(
    recognizer: str,
    backbone: dict[str, Any],
    head: str,
    shape: tuple[int, ...],
) -> None:
    from mmaction.registry import MODELS
    from mmaction.structures import ActionDataSample

    norm = 'LN' if recognizer == 'Recognizer2D' else 'BN'
    config = {
        'type': recognizer,
        'backbone': {
            **backbone,
            'out_indices': (3,),
            'out_norm': norm,
            'as_tuple': False,
        },
        'cls_head': {'type': head, **HEAD},
        'data_preprocessor': {'type': 'ActionDataPreprocessor'},
    }
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(config)
    samples = [ActionDataSample().set_gt_label(i) for i in range(2)]
    inputs = torch.rand(2, *shape)
    losses = model(inputs, samples, mode='loss')
    losses['loss_cls'].backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    with torch.no_grad():
        predicted = model(inputs, samples, mode='predict')
    for sample in predicted:
        assert sample.pred_score.shape == (5,)
        assert sample.pred_score.sum().item() == pytest.approx(1, abs=1e-5)


def assert_same_metrics(a: dict[str, Any], b: dict[str, Any]) -> None:
    metrics = {key: a[key] for key in a if key.startswith('acc/')}
    assert len(metrics) == 3
    assert metrics == {key: b[key] for key in metrics}


def test_toy_training_tests_the_same(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'data' / 'toy', CLIPS)
    output = mim(
        *('train', 'mmaction', TOY, '--work-dir', 'train', '--cfg-options'),
        *('train_cfg.max_epochs=1', 'train_cfg.val_interval=1'),
        *('default_hooks.checkpoint.interval=1',),
        'default_hooks.logger.interval=1',
        cwd=tmp_path,
    )
    untrained, after = evaluations(tmp_path / 'train', TOP1)
    assert untrained['step'] == 0
    (loss,) = logged_losses(output)
    # Four classes: an untrained head has ln 4 = 1.39, and varies.
    assert 0.7 < loss < 2.8
    mim(
        *('test', 'mmaction', TOY, '--checkpoint', 'train/epoch_1.pth'),
        *('--work-dir', 'test', '--dump', 'scores.pkl'),
        cwd=tmp_path,
    )
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))
    assert len(mmengine.load(tmp_path / 'scores.pkl')) == CLIPS.val_clips


@pytest.mark.slow
@pytest.mark.parametrize(
    ('config', 'chance', 'mark'), [(TOY, 1 / 4, 0.8), (TSN_TOY, 1 / 3, 0.8)]
)
def test_toys_learn(
    config: Path, chance: float, mark: float, tmp_path: Path
) -> None:
    make_toy_data(tmp_path / 'data' / 'toy')
    mim('train', 'mmaction', config, '--work-dir', 'train', cwd=tmp_path)
    untrained, *_, after = evaluations(tmp_path / 'train', TOP1)
    assert untrained[TOP1] < chance + 0.15
    assert after[TOP1] >= mark
    (checkpoint,) = (tmp_path / 'train').glob('*.pth')
    mim(
        *('test', 'mmaction', config, '--checkpoint', checkpoint),
        *('--work-dir', 'test'),
        cwd=tmp_path,
    )
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))


def test_a_broken_video_is_named_by_a_worker(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'toy', CLIPS)
    (tmp_path / 'toy/clips/train/000005.mp4').write_text('no video')
    config = Config.fromfile(TOY)
    dataset = config.train_dataloader.dataset
    dataset.data_root = str(tmp_path / 'toy')
    with DefaultScope.overwrite_default_scope('mmaction'):
        loader = DataCheckRunner.build_dataloader(config.train_dataloader)
    assert loader.num_workers == 1
    with pytest.raises(
        BadSampleError, match=r"can't read .*train/000005\.mp4"
    ):
        list(loader)


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A clip, and a checkpoint for it, of the toy config untrained."""
    from mmaction.registry import MODELS

    folder = tmp_path_factory.mktemp('trained')
    make_toy_data(folder / 'toy', CLIPS)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(Config.fromfile(TOY).model)
    torch.manual_seed(0)
    model.init_weights()
    torch.save({'state_dict': model.state_dict()}, folder / 'model.pth')
    return folder / 'toy/clips/val/000001.mp4', folder / 'model.pth'


def test_the_inference_functions_of_the_host(
    trained: tuple[Path, Path],
) -> None:
    from mmaction.apis import (
        ActionRecogInferencer,
        inference_recognizer,
        init_recognizer,
    )

    video, checkpoint = map(str, trained)
    model = init_recognizer(str(TOY), checkpoint, device='cpu')
    scores = inference_recognizer(model, video).pred_score
    assert scores.shape == (4,)
    # It puts the host's own loading in the place of ours, told by name.
    inferencer = ActionRecogInferencer(str(TOY), checkpoint, device='cpu')
    types = [type(t).__name__ for t in inferencer.pipeline.transforms]
    assert types[1:4] == ['DecordInit', 'DenseSample', 'DecordDecode']
    result = inferencer(video)['predictions'][0]
    assert result['pred_scores'] == pytest.approx(scores.tolist(), rel=1e-4)


def videos_options(split: str, listing: Path) -> list[str]:
    """Options that point the data loader of ``split`` at the real clips."""
    dataset = f'{split}_dataloader.dataset'
    return [
        f'{dataset}.data_root={VIDEOS}',
        f'{dataset}.ann_file={listing}',
        f'{dataset}.data_prefix.video=',
        f'{split}_dataloader.num_workers=1',
        f'{split}_dataloader.batch_size=2',
    ]


@pytest.mark.slow
@pytest.mark.skipif(not VIDEOS.is_dir(), reason='no real videos beside us')
def test_real_videos(tmp_path: Path) -> None:
    """The paper's config, with smaller frames, on two videos."""
    listing = tmp_path / 'list.txt'
    listing.write_text('arm_wrestling.mp4 0\ntest.avi 1\n')
    model = [
        'model.backbone.init_cfg=None',
        'model.cls_head.num_classes=2',
        'model.data_preprocessor.blending.num_classes=2',
    ]
    test = [
        *videos_options('test', listing),
        'test_dataloader.dataset.pipeline.3.scale=112',
        'test_dataloader.dataset.pipeline.4.crop_size=112',
    ]
    transform = 'train_dataloader.dataset.pipeline.3.transforms.2'
    output = mim(
        *('train', 'mmaction', PAPER, '--work-dir', 'train', '--cfg-options'),
        *model,
        *videos_options('train', listing),
        *videos_options('val', listing),
        f'{transform}.scale=(112,112)',
        'val_dataloader.dataset.pipeline.3.scale=112',
        'val_dataloader.dataset.pipeline.4.crop_size=112',
        'optim_wrapper.type=OptimWrapper',
        'train_cfg.max_epochs=3',
        'train_cfg.val_interval=3',
        'default_hooks.logger.interval=1',
        'log_processor.window_size=1',
        'randomness.seed=0',
        cwd=tmp_path,
    )
    losses = logged_losses(output)
    assert len(losses) == 3
    # Two classes, untrained and hardly trained: ln 2 = 0.69, and varies.
    assert all(0.3 < loss < 1.5 for loss in losses)
    assert len(evaluations(tmp_path / 'train', TOP1)) == 1
    checkpoint = tmp_path / 'train' / 'epoch_3.pth'
    mim(
        *('test', 'mmaction', PAPER, '--checkpoint', checkpoint),
        *('--work-dir', 'test', '--dump', 'scores.pkl', '--cfg-options'),
        *model,
        *test,
        cwd=tmp_path,
    )
    metrics = metrics_of_mim_test(tmp_path / 'test')
    assert metrics[TOP1] in (0, 0.5, 1)
    assert metrics['acc/top5'] == 1
    # mmaction2's function for one video gives the same scores: 4 clips.
    from mmaction.apis import inference_recognizer, init_recognizer

    config = Config.fromfile(PAPER)
    config.model.cls_head.num_classes = 2
    config.test_pipeline[3].scale = config.test_pipeline[4].crop_size = 112
    recognizer = init_recognizer(config, str(checkpoint), device='cpu')
    # Written a moment ago by the host itself, so trusted.
    for row, name in zip(
        mmengine.load(tmp_path / 'scores.pkl'),
        ('arm_wrestling.mp4', 'test.avi'),
        strict=True,
    ):
        scores = inference_recognizer(recognizer, str(VIDEOS / name))
        torch.testing.assert_close(row['pred_score'], scores.pred_score)
