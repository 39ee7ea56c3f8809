"""A grey picture reaches a network as the same picture in three channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.registry import TRANSFORMS, DefaultScope
from PIL import Image

from tests.support.recipe import load_config
from uniformer_mm.hosts import import_extra

CONFIGS = [
    ('mmdet', 'detection', 'mask-rcnn_uniformer-s-h14_1x_coco'),
    ('mmseg', 'segmentation', 'upernet_uniformer-s_160k_ade20k'),
    ('mmpose', 'pose', 'td-hm_uniformer-s_210e_coco-256x192'),
    ('mmpretrain', 'classification', 'uniformer-s_300e_in1k'),
]


@pytest.mark.parametrize(('host', 'task', 'name'), CONFIGS)
@pytest.mark.parametrize('split', ['train', 'test'])
def test_the_reader_gives_three_equal_channels(
    host: str, task: str, name: str, split: str, tmp_path: Path
) -> None:
    pytest.importorskip(host)
    import_extra(f'{host}.datasets')
    dataset: Any = load_config(task, name)[f'{split}_dataloader'].dataset
    while 'pipeline' not in dataset:
        dataset = dataset.dataset
    with DefaultScope.overwrite_default_scope(host):
        read = TRANSFORMS.build(dataset.pipeline[0])
    grey = np.random.default_rng(0).integers(0, 255, (9, 7), np.uint8)
    pictures = []
    for mode in ('L', 'RGB'):
        path = tmp_path / f'{mode}.png'
        Image.fromarray(grey).convert(mode).save(path)
        pictures.append(read({'img_path': str(path)})['img'])
    assert np.array_equal(pictures[0], grey[..., None].repeat(3, 2))
    assert np.array_equal(pictures[0], pictures[1])
