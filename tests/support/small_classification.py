"""Classification configs made small: the toy data's shapes, 64x64 pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine import Config

from uniformer_mm.toy_data import CLASSES
from uniformer_mm.transforms.token_labels import label_path

SIDE = 64  # px
PLACES = 6  # of a label map, to a side


def shrink(config: Config, data: Path) -> None:
    """Point ``config`` at the toy data set in ``data``, and make it small."""
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.batch_size = 2
        ours = 'train' if split == 'train' else 'val'
        dataset = loader.dataset
        dataset.update(data_root=str(data / 'classes'), data_prefix=ours)
        dataset.pop('split', None)
        dataset.metainfo = {'classes': CLASSES}
        for step in dataset.pipeline:
            shrink_step(step, data)
    model = config.model
    model.head.num_classes = len(CLASSES)
    model.head.init_cfg = None
    # A stock config has it beside the model.
    owner = model if 'data_preprocessor' in model else config
    owner.data_preprocessor.num_classes = len(CLASSES)
    config.val_evaluator = config.test_evaluator = {
        'type': 'Accuracy',
        'topk': (1, 2),
    }
    # Behind gains of 1e-6 gradients are small; at the lowest of the paper's
    # rates float32 hides the step.
    config.optim_wrapper.optimizer.lr = 1e-3
    # What there is more than one process for.
    config.model_wrapper_cfg = None


def shrink_step(step: Any, data: Path) -> None:
    """Give a transform few pixels, and label maps of the toy pictures."""
    for name in ('scale', 'crop_size', 'size'):
        if name in step:
            step[name] = SIDE
    if 'label_root' in step:
        step.label_root = str(data / 'token_labels')
        write_label_maps(data, Path(step.label_root))


def write_label_maps(data: Path, root: Path) -> None:
    """Label maps as the authors write them: the picture's class is best."""
    for i, name in enumerate(CLASSES):
        for picture in (data / 'classes/train' / name).iterdir():
            classes = torch.tensor([(i + j) % len(CLASSES) for j in range(2)])
            maps = torch.stack([torch.tensor([9.0, 1.0]), classes.float()])
            path = label_path(root, str(picture))
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(
                maps[..., None, None].expand(-1, -1, PLACES, PLACES).half(),
                path,
            )
