"""Training and testing through ``mim``, as a user types it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from tests.support.mim import (
    evaluations,
    logged_losses,
    metrics_of_mim_test,
    mim,
)
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

pytest.importorskip('mmseg')
pytest.importorskip('mim')

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs' / 'segmentation'
COCO4 = ROOT.parent / 'shared' / 'data' / 'coco4'


def assert_same_metrics(a: dict[str, Any], b: dict[str, Any]) -> None:
    keys = ('aAcc', 'mIoU', 'mAcc')
    assert [a[key] for key in keys] == [b[key] for key in keys]


def test_toy_training_tests_the_same(tmp_path: Path) -> None:
    spec = ToyDataSpec(train=8, val=3, size=64, train_clips=0, val_clips=0)
    make_toy_data(tmp_path / 'data' / 'toy', spec)
    config = CONFIGS / 'uniformer_upernet_toy.py'
    output = mim(
        *('train', 'mmseg', config, '--work-dir', 'train', '--cfg-options'),
        *('train_cfg.max_iters=2', 'train_cfg.val_interval=2'),
        *('default_hooks.logger.interval=1', 'train_dataloader.batch_size=2'),
        *('default_hooks.checkpoint.interval=2',),
        cwd=tmp_path,
    )
    untrained, after = evaluations(tmp_path / 'train', 'mIoU')
    assert (untrained['step'], after['step']) == (0, 2)
    losses = logged_losses(output)
    assert len(losses) == 2
    assert all(0 < loss < 20 for loss in losses)
    test = ('test', 'mmseg', config, '--checkpoint', 'train/iter_2.pth')
    mim(*test, '--work-dir', 'test', '--show-dir', 'pictures', cwd=tmp_path)
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))
    assert (
        len(list(tmp_path.glob('pictures/vis_data/vis_image/*.png')))
        == spec.val
    )
    mim(*test, '--work-dir', 'tta', '--tta', cwd=tmp_path)
    assert 0 < metrics_of_mim_test(tmp_path / 'tta')['mIoU'] <= 100


def segmentor(name: str) -> nn.Module:
    config = Config.fromfile(CONFIGS / f'{name}.py')
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build({**config.model, 'pretrained': None})
    model.backbone.init_cfg = None
    return model.eval()


@pytest.mark.parametrize(
    'trained',
    [
        'semantic-fpn_uniformer-s_80k_ade20k',
        pytest.param(
            'upernet_uniformer-b_160k_ade20k', marks=pytest.mark.slow
        ),
    ],
)
def test_test_settings_share_a_checkpoint(
    trained: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = segmentor(trained)
    model.init_weights()
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'model.pth')
    # Stage 3 has 4 x 40 tokens here: more than one window of 32.
    image = torch.randn(1, 3, 64, 640)
    logits = {}
    for name in (trained, f'{trained}_test-w32', f'{trained}_test-h32'):
        model = segmentor(name)
        state = torch.load(tmp_path / 'model.pth')['state_dict']
        model.load_state_dict(state, strict=True)
        with torch.no_grad():
            logits[name] = model(image)
        assert logits[name].shape == (1, 150, 16, 160)
    first, *others = logits.values()
    for a, b in ((first, others[0]), (first, others[1]), others):
        assert (a - b).abs().max() > 1e-4 * first.std()


def draw_masks(root: Path) -> None:
    """Masks of the people on the real images, 1, from their polygons."""
    from pycocotools.coco import COCO

    coco = COCO(str(COCO4 / 'test_coco.json'))
    (root / 'masks').mkdir(parents=True)
    (root / 'images').symlink_to(COCO4)
    for image in coco.loadImgs(coco.getImgIds()):
        mask = np.zeros((image['height'], image['width']), np.uint8)
        for annotation in coco.imgToAnns[image['id']]:
            mask |= coco.annToMask(annotation)
        name = Path(image['file_name']).stem
        cv2.imwrite(str(root / 'masks' / f'{name}.png'), mask)


def real_images_options(split: str) -> list[str]:
    """Options that point the data loader of ``split`` at them, made small."""
    dataset = f'{split}_dataloader.dataset'
    sizes = {
        'train': [
            'pipeline.1.reduce_zero_label=False',
            'pipeline.2.scale=(512,128)',
            'pipeline.3.crop_size=(128,128)',
        ]
    }.get(
        split,
        [
            'pipeline.1.scale=(512,128)',
            'pipeline.3.reduce_zero_label=False',
        ],
    )
    settings = [
        'type=BaseSegDataset',
        'data_root=people',
        'data_prefix.img_path=images',
        'data_prefix.seg_map_path=masks',
        "metainfo.classes=('background','person')",
        *sizes,
    ]
    return [f'{dataset}.{setting}' for setting in settings]


@pytest.mark.slow
@pytest.mark.skipif(not COCO4.is_dir(), reason='no real images beside us')
def test_real_images(tmp_path: Path) -> None:
    """It starts to learn them; learning them whole takes minutes more."""
    pytest.importorskip('pycocotools')
    draw_masks(tmp_path / 'people')
    config = CONFIGS / 'semantic-fpn_uniformer-s-h14_80k_ade20k.py'
    options = [
        'model.data_preprocessor.size=(128,128)',
        'model.decode_head.num_classes=2',
        'model.backbone.init_cfg=None',
    ]
    output = mim(
        *('train', 'mmseg', config, '--work-dir', 'train', '--cfg-options'),
        *real_images_options('train'),
        *real_images_options('val'),
        *options,
        'param_scheduler.0.end=2',
        'train_cfg.max_iters=12',
        'train_cfg.val_interval=12',
        'default_hooks.checkpoint.interval=12',
        'default_hooks.logger.interval=1',
        'log_processor.window_size=1',
        'randomness.seed=0',
        cwd=tmp_path,
    )
    (after,) = evaluations(tmp_path / 'train', 'mIoU')
    losses = logged_losses(output)
    assert len(losses) == 12
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])
    mim(
        *('test', 'mmseg', config, '--checkpoint', 'train/iter_12.pth'),
        *('--work-dir', 'test', '--cfg-options'),
        *real_images_options('test'),
        *options,
        cwd=tmp_path,
    )
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))


@pytest.mark.slow
@pytest.mark.parametrize(
    ('toy', 'least'),
    [('uniformer_fpn_toy', 75), ('uniformer_upernet_toy', 75)],
)
def test_a_toy_learns_the_shapes(
    toy: str, least: float, tmp_path: Path
) -> None:
    make_toy_data(tmp_path / 'data' / 'toy')
    config = CONFIGS / f'{toy}.py'
    mim('train', 'mmseg', config, '--work-dir', 'train', cwd=tmp_path)
    untrained, after = evaluations(tmp_path / 'train', 'mIoU')
    assert untrained['mIoU'] < 30
    assert after['mIoU'] >= least
    test = ('test', 'mmseg', config, '--checkpoint', 'train/iter_600.pth')
    mim(*test, '--work-dir', 'test', cwd=tmp_path)
    assert_same_metrics(after, metrics_of_mim_test(tmp_path / 'test'))
    mim(*test, '--work-dir', 'tta', '--tta', cwd=tmp_path)
    assert metrics_of_mim_test(tmp_path / 'tta')['mIoU'] >= least
