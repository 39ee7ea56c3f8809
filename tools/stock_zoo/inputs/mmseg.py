"""Small inputs for mmseg: pictures with label maps, edges and depths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from tools.stock_zoo.inputs import Batches, dicts, short

SIDE, LARGE = 128, 512  # px


def make(config: Config, _: Path) -> Batches:
    """Shrink the config, and make inputs for it."""
    model = config.model
    # LRASPP pools by 49x49 at stride 8.
    large = 'LRASPPHead' in {short(part.get('type')) for part in dicts(model)}
    side = LARGE if large else SIDE
    _shrink(model, side)
    # Two: batch norm of a map pooled to one pixel needs them to train.
    return Batches(_pictures(model, side, 2), _pictures(model, side, 1))


def _shrink(model: Any, side: int) -> None:
    """Small pictures for preprocessors, embeddings of positions and tests."""
    processor = model.data_preprocessor
    for part in (processor, processor.get('test_cfg') or {}):
        if part.get('size'):
            part['size'] = (side, side)
    for part in dicts(model):
        if 'img_size' in part:
            whole = isinstance(part['img_size'], int)
            part['img_size'] = side if whole else (side, side)
    if model.test_cfg.get('crop_size'):
        model.test_cfg.update(crop_size=(side, side), stride=(side, side))


def _pictures(model: Any, side: int, batch: int) -> Any:
    channels = len(model.data_preprocessor.get('mean') or (0, 0, 0))
    head = model.decode_head
    head = head[-1] if isinstance(head, list) else head
    classes = head.get('num_classes') or 1
    shape = (side, side)
    inputs, samples = [], []
    for _ in range(batch):
        inputs.append(torch.randint(256, (channels, *shape)).byte())
        sample = SegDataSample(
            metainfo={
                'img_shape': shape,
                'ori_shape': shape,
                'pad_shape': shape,
                'flip': False,
            },
            gt_sem_seg=PixelData(data=torch.randint(classes, (1, *shape))),
            gt_edge_map=PixelData(data=torch.randint(2, (1, *shape))),
            gt_depth_map=PixelData(data=torch.rand(1, *shape)),
        )
        samples.append(sample)
    return {'inputs': inputs, 'data_samples': samples}
