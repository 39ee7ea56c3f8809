"""A training of milliseconds that uses random numbers of every sort."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.registry import RUNNERS
from torch import Tensor, nn
from torch.utils.data import Dataset

SAMPLES, BATCH = 8, 2
_numbers = itertools.count()


class Numbers(Dataset[Any]):
    """Samples of noise; one may be NaN or infinite."""

    def __init__(self, bad: dict[int, float] | None = None) -> None:
        self.metainfo = {'classes': ('a',)}
        self.bad = bad or {}

    def __len__(self) -> int:
        return SAMPLES

    def get_data_info(self, index: int) -> dict[str, Any]:
        return {'img_path': f'pictures/{index}.jpg'}

    def __getitem__(self, index: int) -> dict[str, Any]:
        noise = random.random() + np.random.rand() + float(torch.rand(()))
        x = torch.linspace(0, 1 + index, 4) + self.bad.get(index, 0.0)
        return {'x': x + noise}


class Net(BaseModel):
    """Batch norm and dropout between two layers.

    Args:
        width: Features between the layers.
    """

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.first = nn.Linear(4, width)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(width, 1)

    def forward(self, x: Tensor, mode: str) -> dict[str, Tensor]:
        assert mode == 'loss'
        y = self.last(self.drop(self.norm(self.first(x)).relu()))
        return {'loss': (y - 1).square().mean()}


def tiny_config(work_dir: Path, **changes: Any) -> dict[str, Any]:
    """Arguments of a runner: three epochs of four iterations."""
    torch.manual_seed(0)
    return {
        'model': Net(),
        'work_dir': str(work_dir),
        'train_dataloader': {
            'dataset': Numbers(),
            'batch_size': BATCH,
            'num_workers': 0,
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
            'collate_fn': {'type': 'default_collate'},
        },
        'train_cfg': {'by_epoch': True, 'max_epochs': 3},
        'optim_wrapper': {'optimizer': {'type': 'AdamW', 'lr': 0.1}},
        'default_hooks': {
            'checkpoint': {
                'type': 'CheckpointHook',
                'interval': 1,
                'max_keep_ckpts': 1,
            },
            'logger': None,
        },
        'randomness': {'seed': 0},
        'log_level': 'WARNING',
        'custom_hooks': [],
        **changes,
    }


def build(config: dict[str, Any]) -> Any:
    """Our runner of ``config``."""
    kind: Any = RUNNERS.get('uniformer_mm.DataCheckRunner')
    # MMEngine keeps logs by the name, which a second runner may not have.
    name = f'tiny-{os.getpid()}-{next(_numbers)}'
    return kind(**config, experiment_name=name)


def train(config: dict[str, Any]) -> Any:
    """Train; return the runner."""
    runner = build(config)
    runner.train()
    return runner


def weights(runner: Any) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in runner.model.state_dict().items()}


def equal(first: Any, second: Any) -> bool:
    return all(torch.equal(first[key], second[key]) for key in second)
