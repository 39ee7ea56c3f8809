"""Pose configs made small: the toy data set's triangles, 64x64 crops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine import Config

from tests.support.recipe import CONFIGS

KEYPOINTS = CONFIGS / '_base_/pose/toy_keypoints.py'
SIZE, HEATMAP, LAST_MAP = (64, 64), (16, 16), (2, 2)


def shrink_codec(codec: Any) -> None:
    """Give it small images, and what it makes of them."""
    small = {'input_size': SIZE, 'heatmap_size': HEATMAP, 'sigma': 1}
    codec.update({key: small[key] for key in small if key in codec})


def shrink_head(head: Any, keypoints: int) -> None:
    """Give it few keypoints, and maps of small images."""
    shrink_codec(head.decoder)
    name = 'num_keypoints' if 'num_keypoints' in head else 'out_channels'
    head[name] = keypoints
    if 'in_featuremap_size' in head:
        head.update(input_size=SIZE, in_featuremap_size=LAST_MAP)


def shrink(config: Config, data: Path) -> None:
    """Point ``config`` at the toy data set in ``data``, and make it small."""
    metainfo = Config.fromfile(KEYPOINTS).dataset_info
    shrink_head(config.model.head, len(metainfo.keypoint_info))
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.batch_size = min(2, loader.batch_size)
        loader.dataset.update(
            data_root=str(data),
            # Not each of a few training images has a triangle.
            ann_file='annotations/keypoints_val.json',
            data_prefix={'img': 'val/'},
        )
        loader.dataset.metainfo = metainfo  # an update would merge it in
        if split != 'train':
            loader.dataset.bbox_file = None
        for step in loader.dataset.pipeline:
            if 'input_size' in step:
                step.input_size = SIZE
            if 'encoder' in step:
                shrink_codec(step.encoder)
    for evaluators in (config.val_evaluator, config.test_evaluator):
        metrics = evaluators if isinstance(evaluators, list) else [evaluators]
        for metric in metrics:
            if 'ann_file' in metric:
                metric.ann_file = str(data / 'annotations/keypoints_val.json')
