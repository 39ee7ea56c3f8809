"""The segmentation configs that the paper does not have."""

from __future__ import annotations

import pytest

from tests.support.recipe import (
    learning_rates,
    load_config,
    step,
    steps,
)
from uniformer_mm.toy_data import ToyDataSpec

pytest.importorskip('mmseg')

MAIN = 'upernet_uniformer-s-h14_160k_ade20k'
CUSTOM = 'upernet_uniformer-s-h14_custom'
TOYS = ('uniformer_fpn_toy', 'uniformer_upernet_toy')
TL = 'uniformer-small-dim64_tl-224'


@pytest.mark.parametrize(
    ('name', 'classes', 'crop', 'batch', 'iterations'),
    [
        ('semantic-fpn_uniformer-s-h14_40k_voc12aug', 21, (512, 512), 32, 4e4),
        ('upernet_uniformer-s-h14_80k_cityscapes', 19, (512, 1024), 16, 8e4),
        (CUSTOM, 3, (512, 512), 16, 2e4),
    ],
)
def test_templates_fit_together(
    name: str,
    classes: int,
    crop: tuple[int, int],
    batch: int,
    iterations: float,
) -> None:
    config = load_config('segmentation', name)
    model = config.model
    heads = [model.decode_head, model.get('auxiliary_head')]
    assert {head.num_classes for head in heads if head} == {classes}
    loader = config.train_dataloader
    datasets = loader.dataset.get('datasets', [loader.dataset])
    for dataset in datasets:
        assert 'RandomResize' in steps(dataset.pipeline)
        assert step(dataset.pipeline, 'RandomCrop')['crop_size'] == crop
    sizes = (model.data_preprocessor.size, config.data_preprocessor.size)
    assert sizes == (crop, crop)
    assert config.auto_scale_lr.base_batch_size == batch
    assert loader.batch_size * 8 == batch
    assert config.train_cfg.max_iters == iterations
    # The schedule ends with the training, and warms up before.
    last, lr = int(iterations) - 1, config.optim_wrapper.optimizer.lr
    rates = learning_rates(config, (0, last // 2, last), epoch_length=1)
    assert rates[0] < 0.11 * lr
    assert rates[last // 2] == pytest.approx(0.5 * lr, rel=0.01)
    assert rates[last] < 0.01 * lr


def test_the_custom_template_reads_no_ade20k() -> None:
    config = load_config('segmentation', CUSTOM)
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        assert dataset.type == 'BaseSegDataset'
        assert dataset.data_root == 'data/custom/'
        load = step(dataset.pipeline, 'LoadAnnotations')
        assert not load.get('reduce_zero_label')
        assert len(dataset.metainfo.classes) == len(dataset.metainfo.palette)
    (load,) = config.tta_pipeline[1].transforms[-2]
    assert load == {'type': 'LoadAnnotations'}


@pytest.mark.parametrize('name', TOYS)
def test_toys_are_seeded_and_start_from_nothing(name: str) -> None:
    config = load_config('segmentation', name)
    assert config.randomness.seed == 0
    assert config.model.backbone.init_cfg is None
    assert config.model.decode_head.num_classes == 4
    assert config.model.data_preprocessor.size == (96, 96)
    # As many epochs as the comment says.
    images = config.train_cfg.max_iters * config.train_dataloader.batch_size
    assert images == 10 * ToyDataSpec().train
    (last,) = {config.train_cfg.max_iters, config.train_cfg.val_interval}
    assert config.param_scheduler[-1].milestones == [500]
    assert last == 600
    (hook,) = config.custom_hooks
    assert hook.type == 'uniformer_mm.EvaluateFirstHook'
