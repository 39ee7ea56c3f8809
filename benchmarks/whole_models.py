"""Whole models of the hosts, with data, to be measured."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

from uniformer_mm.engine.fused import fuse_steps
from uniformer_mm.engine.precision import fit_to_device
from uniformer_mm.fast import plain
from uniformer_mm.toy_data import make_toy_data

__all__ = ['CASES', 'WholeCase', 'WholeModel']

ROOT = Path(__file__).parents[1]
DATA = Path('data/toy')  # where the toy configs look for it
LARGE = (1344, 800)  # W, H of a photo as the paper's detectors resize it


@dataclass(frozen=True)
class WholeCase:
    """A config of a host, and the data that it gets.

    Attributes:
        host: Its module.
        config: Path below ``configs``, without the suffix.
        data: Another config whose data it gets, resized to ``LARGE``, one
            picture at a time; None for its own.
    """

    host: str
    config: str
    data: str | None = None

    @property
    def name(self) -> str:
        """Name of the config's file."""
        return Path(self.config).name


TOY = 'detection/uniformer_maskrcnn_toy'
CASES = (
    WholeCase('mmdet', TOY),
    WholeCase('mmdet', 'detection/mask-rcnn_uniformer-s-h14_1x_coco', TOY),
    WholeCase('mmseg', 'segmentation/uniformer_upernet_toy'),
    WholeCase('mmpose', 'pose/uniformer_pose_toy'),
    WholeCase('mmaction', 'action/uniformer-s_toy'),
    WholeCase('mmpretrain', 'classification/uniformer-s_toy'),
)


class WholeModel:
    """A model with random weights, its optimizer and its data.

    Attributes:
        model: Of the host.
        optim_wrapper: As our runner makes it.
        input (str): Batch size and shape of the latest batch.
    """

    input: str

    def __init__(self, case: WholeCase, device: torch.device) -> None:
        # The host's modules are registered by this.
        init_default_scope(case.host)
        torch.manual_seed(0)
        config = _config(case.config)
        make_toy_data(DATA)
        data = config if case.data is None else _large(_config(case.data))
        self.model: Any = MODELS.build(config.model).to(device)
        wrapper = fit_to_device(config.optim_wrapper)
        self.optim_wrapper: Any = build_optim_wrapper(self.model, wrapper)
        fuse_steps(self.optim_wrapper)
        self.batches = {
            split: _endless(data[f'{split}_dataloader'])
            for split in ('train', 'val')
        }

    def batch(self, training: bool) -> Any:
        """Return the next batch, as the loader gives it."""
        batch = next(self.batches['train' if training else 'val'])
        pictures = batch['inputs']
        shape = 'x'.join(map(str, pictures[0].shape))
        self.input = f'{len(pictures)} x {shape}'
        return batch

    def run(self, batch: Any, training: bool) -> object:
        """Do a training step, or a prediction."""
        self.model.train(training)
        if training:
            return self.model.train_step(batch, self.optim_wrapper)
        with torch.no_grad():
            return self.model.test_step(batch)

    @contextmanager
    def as_plain(self) -> Iterator[None]:
        """Have torch and torchvision compute all as they usually do."""
        groups = self.optim_wrapper.optimizer.param_groups
        before = [group.get('fused') for group in groups]
        for group in groups:
            group['fused'] = None
        try:
            with plain():
                yield
        finally:
            for group, fused in zip(groups, before, strict=True):
                group['fused'] = fused


def _config(path: str) -> Config:
    return Config.fromfile(ROOT / 'configs' / f'{path}.py')


def _large(config: Config) -> Config:
    for split in ('train', 'val'):
        loader = config[f'{split}_dataloader']
        loader.batch_size = 1
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.update(scale=LARGE, keep_ratio=False)
    return config


def _endless(loader: Config) -> Iterator[Any]:
    """Yield batches, all of one size."""
    loader = copy.deepcopy(loader)
    loader.update(num_workers=0, persistent_workers=False)
    # torch wants it of what puts batches together.
    (loader.get('batch_sampler') or loader).update(drop_last=True)
    built = Runner.build_dataloader(loader, seed=0)
    if not len(built):
        raise ValueError(
            f'the data do not fill a batch of {loader.batch_size}'
        )
    while True:
        yield from built
