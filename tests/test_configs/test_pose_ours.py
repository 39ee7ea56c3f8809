"""The pose configs that the paper does not have."""

from __future__ import annotations

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope

from tests.support.recipe import (
    build,
    learning_rates,
    load_config,
    step,
    steps,
)
from uniformer_mm.toy_data import KEYPOINTS

pytest.importorskip('mmpose')

MAIN = 'td-hm_uniformer-s_210e_coco-256x192'
CUSTOM = 'td-hm_uniformer-s_210e_custom-256x192'
TOYS = ('uniformer_pose_toy', 'uniformer-b_pose_toy')
TL = 'uniformer-small-dim64_tl-224'


def test_bfloat16_reaches_no_numpy() -> None:
    """mmpose's accuracy of a batch would stop the first step."""
    from mmpose.testing import get_packed_inputs

    config = load_config('pose', f'{MAIN}_bf16')
    config.model.backbone.init_cfg = None
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model).train()
    batch = get_packed_inputs(
        1, 1, num_keypoints=17, img_shape=(64, 64), heatmap_size=(16, 16)
    )
    data = model.data_preprocessor(batch, training=True)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model(**data, mode='loss')
    assert set(losses) == {'loss_kpt'}
    assert losses['loss_kpt'].dtype == torch.float32
    losses['loss_kpt'].backward()


def test_the_custom_template_fits_together() -> None:
    config = load_config('pose', CUSTOM)
    names = [name for name, _, _ in config.keypoints]
    assert config.model.head.out_channels == len(names)
    assert build(config).head.final_layer.out_channels == len(names)
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        assert dataset.data_root == 'data/custom/'
        assert dataset.get('bbox_file') is None
        meta = parse_pose_metainfo(dataset.metainfo)
        assert list(meta['keypoint_name2id']) == names
        assert meta['flip_indices'] == [0, 2, 1, 4, 3]
        assert meta['upper_body_ids'] == [0, 1, 2]
        assert meta['lower_body_ids'] == [3, 4]
        assert meta['skeleton_links'] == [(1, 2), (3, 4)]
        assert len(meta['sigmas']) == len(names)
    for evaluator in (config.val_evaluator, config.test_evaluator):
        assert evaluator.ann_file == 'data/custom/annotations/val.json'


@pytest.mark.parametrize('name', TOYS)
def test_toys_fit_together(name: str) -> None:
    config = load_config('pose', name)
    assert config.randomness.seed == 0
    assert config.model.backbone.init_cfg is None
    (hook,) = config.custom_hooks
    assert hook.type == 'uniformer_mm.EvaluateFirstHook'
    assert config.model.head.out_channels == len(KEYPOINTS)
    codec = config.model.head.decoder
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        meta = parse_pose_metainfo(dataset.metainfo)
        assert tuple(meta['keypoint_name2id']) == KEYPOINTS
        # A mirror swaps the feet.
        assert meta['flip_indices'] == [0, 2, 1, 3]
        affine = step(dataset.pipeline, 'TopdownAffine')
        assert affine == {'input_size': codec.input_size}
    # The paper's augmentation, but for turns that make an apex of a foot.
    ours, papers = (
        load_config('pose', name).train_dataloader.dataset.pipeline
        for name in (name, MAIN)
    )
    assert steps(ours) == steps(papers)
    assert ours[:5] == papers[:5]
    turns = step(ours, 'uniformer_mm.RandomBoxScaleRotation')
    assert 2 * turns['rotate_factor'] < 60
    # 8 iterations per epoch; the schedule ends with the training.
    last = 8 * config.train_cfg.max_epochs - 1
    rates = learning_rates(config, (0, last), epoch_length=8)
    lr = config.optim_wrapper.optimizer.lr
    assert rates[0] == pytest.approx(0.1 * lr)
    assert rates[last] < 0.01 * lr
