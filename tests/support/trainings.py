"""Small trainings of each host, in processes that may be killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from tests.support.models import TINY
from tests.support.one_step import to_one_small_step
from tests.support.recipe import load_config

CONFIGS = {
    'detection': 'uniformer_maskrcnn_toy',
    'segmentation': 'uniformer_fpn_toy',
    'pose': 'uniformer_pose_toy',
    'action': 'uniformer-s_toy',
}
ITERATIONS = 4
INTERVAL = 2  # of checkpoints, where epochs are not counted
EPOCHS = {'detection': 2, 'pose': 4, 'action': 2}  # of the few samples
ARCH = {**TINY, 'depths': (1, 1, 1, 1)}
DIMS = TINY['embed_dims']


def small_training(
    task: str, data: Path, work_dir: Path, num_workers: int = 0
) -> Config:
    """A config that trains for four iterations, in epochs as its task does."""
    config = load_config(task, CONFIGS[task])
    to_one_small_step(config, task, data)
    model = config.model
    # Dropped paths, as a use of random numbers in the model.
    model.backbone.update(arch=ARCH, drop_path_rate=0.3)
    if 'neck' in model:
        model.neck.in_channels = list(DIMS)
    else:
        model['head' if 'head' in model else 'cls_head'].in_channels = DIMS[-1]
    config.train_dataloader.update(
        num_workers=num_workers, persistent_workers=num_workers > 0
    )
    epochs = EPOCHS.get(task)
    config.train_cfg = {'by_epoch': False, 'max_iters': ITERATIONS}
    if epochs:
        config.train_cfg = {'by_epoch': True, 'max_epochs': epochs}
    config.default_hooks = {
        # As hosts name it; the runner takes ours.
        'checkpoint': {
            'type': 'CheckpointHook',
            'interval': 1 if epochs else INTERVAL,
            'by_epoch': bool(epochs),
        }
    }
    config.param_scheduler = [
        {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'end': 3}
    ]
    config.custom_hooks = [{'type': 'EMAHook', 'momentum': 0.1}]
    config.log_level = 'WARNING'
    config.work_dir = str(work_dir)
    return config


class Record(Hook):
    """Keep the losses of each iteration in a file, and die at one."""

    def __init__(self, path: Path, kill_after: int | None) -> None:
        self.path = path
        self.kill_after = kill_after

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        with self.path.open('a') as file:
            file.write(f'{runner.iter} {float(outputs["loss"]).hex()}\n')
        if runner.iter == self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)


def losses(path: Path) -> dict[int, str]:
    """Iteration -> the loss, to the bit; of those done twice the last."""
    rows = (line.split() for line in path.read_text().splitlines())
    return {int(iteration): loss for iteration, loss in rows}


def train(
    config: Config, log: Path, kill_after: int | None = None
) -> dict[str, torch.Tensor]:
    """Train as the hosts' commands do; return the weights."""
    torch.set_num_threads(1)
    config.experiment_name = f'{os.getpid()}-{Path(config.work_dir).name}'
    runner: Runner = RUNNERS.build(config)
    runner.register_hook(Record(log, kill_after))
    runner.train()
    return runner.model.state_dict()


def in_a_process(function: Callable[..., Any], *arguments: Any) -> int:
    """Call it in a copy of this process; return its exit code."""
    child = multiprocessing.get_context('fork').Process(
        target=function, args=arguments
    )
    child.start()
    child.join(300)
    assert child.exitcode is not None
    return child.exitcode
