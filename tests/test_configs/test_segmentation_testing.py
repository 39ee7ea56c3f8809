"""How the segmentation configs test, against the paper's recipes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import MODELS, TRANSFORMS, DefaultScope
from mmengine.structures import PixelData
from torch import nn

from tests.support.recipe import (
    changes,
    experiments,
    load_config,
    recipe,
    step,
    steps,
)

pytest.importorskip('mmseg')

RECIPE = recipe('segmentation')
FPN = 'semantic-fpn_uniformer-s_80k_ade20k'
UPERNET = 'upernet_uniformer-s_160k_ade20k'
TASK = 'segmentation'
Row = dict[str, Any]


def test_testing(row: Row, config: Config) -> None:
    assert config.model.test_cfg == {'mode': 'whole'}
    assert config.test_dataloader == config.val_dataloader
    assert config.test_dataloader.batch_size == 1
    dataset = config.test_dataloader.dataset
    assert dataset.data_prefix.img_path == 'images/validation'
    multiple = row['test_multiple']
    align = ['ResizeToMultiple'] if multiple else []
    pipeline = dataset.pipeline
    assert steps(pipeline) == [
        'LoadImageFromFile',
        'Resize',
        *align,
        'LoadAnnotations',  # last: it is not resized
        'PackSegInputs',
    ]
    scale = tuple(row['scale'])
    assert step(pipeline, 'Resize') == {'scale': scale, 'keep_ratio': True}
    if multiple:
        expected = {'size_divisor': multiple}
        assert step(pipeline, 'ResizeToMultiple') == expected
    evaluator = config.test_evaluator
    assert (evaluator.type, evaluator.iou_metrics) == ('IoUMetric', ['mIoU'])


def test_multi_scale_testing(row: Row, config: Config) -> None:
    assert config.tta_model.type == 'SegTTAModel'
    load, augment = config.tta_pipeline
    assert load.type == 'LoadImageFromFile'
    multiple = row['test_multiple']
    scales, *align, flips, annotations, pack = augment.transforms
    width, height = row['scale']
    assert scales == [
        {
            'type': 'Resize',
            'scale': (int(width * ratio), int(height * ratio)),
            'keep_ratio': True,
        }
        for ratio in row['test_ratios']
    ]
    expected = {'type': 'ResizeToMultiple', 'size_divisor': multiple}
    assert align == ([[expected]] if multiple else [])
    assert [flip['prob'] for flip in flips] == [0.0, 1.0]
    assert flips[1]['direction'] == 'horizontal'
    assert steps(annotations) == ['LoadAnnotations']
    assert steps(pack) == ['PackSegInputs']


@pytest.mark.parametrize(
    'tested',
    [row for row in experiments('segmentation') if 'trained_by' in row],
    ids=lambda row: row['config'],
)
def test_a_test_setting_changes_attention_alone(tested: Row) -> None:
    trained = load_config('segmentation', tested['trained_by'])
    assert trained.model.backbone.attention == 'global'
    assert changes(load_config('segmentation', tested['config']), trained) == {
        'model.backbone.attention': tested['attention'],
        'model.backbone.window_size': 32,
    }


@pytest.mark.parametrize(
    ('name', 'size'), [(FPN, (512, 704)), (UPERNET, (512, 683))]
)
def test_an_image_grows_to_multiples_and_its_mask_stays(
    name: str, size: tuple[int, int], tmp_path: Any
) -> None:
    cv2 = pytest.importorskip('cv2')
    image, mask = (str(tmp_path / part) for part in ('a.jpg', 'a.png'))
    cv2.imwrite(image, np.zeros((384, 512, 3), np.uint8))
    cv2.imwrite(mask, np.zeros((384, 512), np.uint8))
    config = load_config('segmentation', name)
    inputs: Any = {
        'img_path': image,
        'seg_map_path': mask,
        'reduce_zero_label': True,
        'seg_fields': [],
    }
    with DefaultScope.overwrite_default_scope('mmseg'):
        for transform in config.test_dataloader.dataset.pipeline:
            inputs = TRANSFORMS.build(transform)(inputs)
    # 512 / 384 * 512 = 682.7 px wide; 704 = 22 * 32.
    assert inputs['inputs'].shape == (3, *size)
    sample = inputs['data_samples']
    assert sample.gt_sem_seg.shape == sample.ori_shape == (384, 512)


def test_crops_are_padded_after_normalisation_and_tests_are_not() -> None:
    config = load_config('segmentation', UPERNET)
    with DefaultScope.overwrite_default_scope('mmseg'):
        from mmseg.structures import SegDataSample

        preprocessor = MODELS.build(config.model.data_preprocessor)
    image = torch.full((3, 300, 400), 200, dtype=torch.uint8)
    sample = SegDataSample()
    sample.gt_sem_seg = PixelData(data=torch.ones(1, 300, 400).long())
    batch = {'inputs': [image], 'data_samples': [sample]}
    padded = preprocessor(batch, training=True)
    assert padded['inputs'].shape == (1, 3, 512, 512)
    below, beside = np.s_[..., 300:, :], np.s_[..., 400:]
    for outside in (below, beside):
        assert not padded['inputs'][outside].any()
        assert (sample.gt_sem_seg.data[outside] == 255).all()
    red = padded['inputs'][0, 0, 0, 0]
    assert red == pytest.approx((200 - 123.675) / 58.395)
    assert preprocessor(batch)['inputs'].shape == (1, 3, 300, 400)


class TwoClasses(nn.Module):
    """What the averaging asks of a model."""

    out_channels = 2

    def test_step(self, data: Any) -> None:
        raise NotImplementedError


def test_views_are_averaged_as_probabilities() -> None:
    """One certain view against two that lean the other way (T24)."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        from mmseg.structures import SegDataSample

        settings = dict(load_config('segmentation', UPERNET).tta_model)
        model = MODELS.build({**settings, 'module': TwoClasses()})
    views = []
    for logits in ([10.0, 0.0], [0.0, 1.5], [0.0, 1.5]):
        view = SegDataSample(metainfo={'img_path': 'a.jpg'})
        view.seg_logits = PixelData(data=torch.tensor(logits).view(2, 1, 1))
        views.append(view)
    (merged,) = model.merge_preds([views])
    # The mean of logits is (3.3, 1.0), that of probabilities (0.45, 0.55).
    assert merged.pred_sem_seg.data.item() == 1
