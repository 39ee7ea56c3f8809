"""Segmentation configs made small: the toy data, few pixels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmengine import Config

SIDE = 64  # px, of the shorter side of crops
SIZES = ('scale', 'scales', 'max_size', 'crop_size', 'size')


def shrink(config: Config, data: Path) -> None:
    """Point ``config`` at the toy data set in ``data``, and make it small."""
    # 512 px become 64; those of the toy configs stay.
    factor = min(config.model.data_preprocessor.size) // SIDE
    for preprocessor in (
        config.data_preprocessor,
        config.model.data_preprocessor,
    ):
        preprocessor.size = divided(preprocessor.size, factor)
    shrink_sizes(config.tta_pipeline, factor)
    if config.model.decode_head.type == 'Mask2FormerHead':
        config.model.decode_head.update(num_queries=20)
        config.model.decode_head.train_cfg.update(num_points=100)
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        # Two: batch norm of a map pooled to one pixel needs them to train.
        loader.update(batch_size=2 if split == 'train' else 1)
        if loader.dataset.type == 'ConcatDataset':
            loader.dataset = loader.dataset.datasets[0]
        shrink_sizes(loader.dataset.pipeline, factor)
        point(loader.dataset, data, 'train' if split == 'train' else 'val')


def point(dataset: Any, data: Path, split: str) -> None:
    """Make ``dataset``, of its own type, read the toy images and masks."""
    dataset.update(
        data_root=str(data),
        data_prefix={'img_path': split, 'seg_map_path': f'masks/{split}'},
        img_suffix='.jpg',
        seg_map_suffix='.png',
    )
    if 'ann_file' in dataset:  # a list of names, which Pascal VOC wants
        names = sorted(path.stem for path in (data / split).glob('*.jpg'))
        (data / f'{split}.txt').write_text('\n'.join(names))
        dataset.ann_file = f'{split}.txt'


def shrink_sizes(pipeline: Iterable[Any], factor: int) -> None:
    """Divide all sizes in pixels, in nested steps too."""
    for step in pipeline:
        if isinstance(step, list):
            shrink_sizes(step, factor)
            continue
        shrink_sizes(step.get('transforms', ()), factor)
        for name in SIZES:
            if name in step:
                step[name] = divided(step[name], factor)


def divided(size: Any, factor: int) -> Any:
    if isinstance(size, int):
        return size // factor
    return tuple(part // factor for part in size)
