"""A small training in one process or several."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, MODELS, RUNNERS
from torch import Tensor, nn
from torch.utils.data import Dataset

from tests.support.models import TINY
from uniformer_mm import UniFormer

SAMPLES = 16


@MODELS.register_module()
class Regression(BaseModel):
    """A backbone with a small head; its loss is a mean over the samples."""

    def __init__(self, data_preprocessor: Any, **backbone: Any) -> None:
        super().__init__(data_preprocessor)
        self.backbone = UniFormer(
            {**TINY, 'depths': (1, 1, 1, 1)},
            out_indices=(3,),
            **{'norm_eval': True, **backbone},
        )
        self.head = nn.Linear(TINY['embed_dims'][-1], 1)

    def forward(
        self, inputs: Tensor, target: Tensor, mode: str = 'tensor'
    ) -> Any:
        found = self.head(self.backbone(inputs)[-1].mean((2, 3)))[:, 0]
        error = (found - target).square()
        return {'loss': error.mean()} if mode == 'loss' else [error]


@DATASETS.register_module()
class Noise(Dataset[Any]):
    """Images of noise, the same in every process."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(index)
        image = torch.rand(3, 32, 32, generator=generator)
        return {'inputs': image, 'target': torch.tensor(index / SAMPLES)}


@HOOKS.register_module()
class Losses(Hook):
    """Notes the losses; in one iteration of one rank something happens."""

    def __init__(
        self, folder: str, event: str, rank: int, iteration: int
    ) -> None:
        self.folder, self.event = Path(folder), event
        self.rank, self.iteration = rank, iteration
        self.losses: list[float] = []

    def before_train_iter(self, runner: Any, *_: Any, **__: Any) -> None:
        if (runner.rank, runner.iter) != (self.rank, self.iteration):
            return
        (self.folder / 'when').write_text(str(time.time()))
        if self.event == 'kill':
            os.kill(os.getpid(), signal.SIGKILL)
        if self.event == 'stop':
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.event == 'hang':
            time.sleep(3600)
        if self.event == 'error':
            raise ValueError('a sample that no rank likes')

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any, outputs: Any
    ) -> None:
        self.losses.append(float(outputs['loss']))

    def after_train(self, runner: Any) -> None:
        groups = runner.optim_wrapper.optimizer.param_groups
        file = self.folder / f'rank-{runner.rank}.json'
        file.write_text(
            json.dumps(
                {
                    'losses': self.losses,
                    'shares': sum(
                        getattr(p, 'to_local', lambda p=p: p)().numel()
                        for p in runner.model.parameters()
                    ),
                    'groups': [(g['lr'], g['weight_decay']) for g in groups],
                }
            )
        )


def config(
    folder: str,
    *,
    batch_size: int,
    epochs: int = 2,
    flexible: bool = False,
    strategy: dict[str, Any] | None = None,
    resume: str | None = None,
    timeout: float = 60,
    event: str = '',
    rank: int = -1,
    iteration: int = -1,
    backbone: dict[str, Any] | None = None,
    sync_bn: str | None = None,
    optim_wrapper: str = 'OptimWrapper',
    clip: float | None = 1.0,
) -> Config:
    """``SAMPLES`` samples an epoch, in an order of chance; AdamW."""
    kind = 'Flexible' if flexible else ''
    return Config(
        {
            'runner_type': f'uniformer_mm.DataCheck{kind}Runner',
            'default_scope': 'mmengine',
            'model': {
                'type': 'Regression',
                'data_preprocessor': {'type': 'BaseDataPreprocessor'},
                **(backbone or {}),
            },
            'work_dir': f'{folder}/work',
            'load_from': resume,
            'resume': resume is not None,
            'strategy': strategy,
            'sync_bn': sync_bn,
            'train_dataloader': {
                'dataset': {'type': 'Noise'},
                'sampler': {'type': 'DefaultSampler', 'shuffle': True},
                'collate_fn': {'type': 'default_collate'},
                'batch_size': batch_size,
                'num_workers': 0,
            },
            'train_cfg': {'by_epoch': True, 'max_epochs': epochs},
            'optim_wrapper': {
                'type': optim_wrapper,
                'optimizer': {
                    'type': 'AdamW',
                    'lr': 0.01,
                    'weight_decay': 0.1,
                },
                **({'clip_grad': {'max_norm': clip}} if clip else {}),
                'constructor': (
                    'uniformer_mm.LayerDecayOptimWrapperConstructor'
                ),
                'paramwise_cfg': {
                    'layer_decay_rate': 0.8,
                    'decay_groups': 'not_vectors',
                },
            },
            'param_scheduler': {
                'type': 'LinearLR',
                'start_factor': 0.5,
                'by_epoch': False,
                'end': 6,
            },
            'default_hooks': {
                'checkpoint': {'type': 'CheckpointHook', 'interval': 1}
            },
            'custom_hooks': [
                {
                    'type': 'Losses',
                    'folder': folder,
                    'event': event,
                    'rank': rank,
                    'iteration': iteration,
                }
            ],
            'env_cfg': {'dist_cfg': {'backend': 'nccl', 'timeout': timeout}},
            'randomness': {'seed': 1},
            'launcher': os.environ.get('LAUNCHER', 'none'),
        }
    )


@dataclass
class Run:
    """What is left of a training in several processes."""

    folder: Path
    exit_codes: list[int | None]
    outputs: list[str]
    seconds: float  # that the first rank went on after the event

    @property
    def notes(self) -> list[dict[str, Any]]:
        """What each rank wrote at its end."""
        files = sorted(self.folder.glob('rank-*.json'))
        return [json.loads(file.read_text()) for file in files]

    @property
    def losses(self) -> list[float]:
        """The joint loss of each step: the mean over the ranks."""
        ranks = [note['losses'] for note in self.notes]
        return [sum(step) / len(ranks) for step in zip(*ranks, strict=True)]


def run(folder: Path, ranks: int, **options: Any) -> Run:
    """Train in ``ranks`` processes until the first of them ends.

    Nobody else starts or ends them, as on machines of their own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob('rank-*'):
        file.unlink()
    # A server that has imported torch and starts each rank by a fork.
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([__name__])
    port = free_port()
    processes = [
        context.Process(
            target=be_rank, args=(str(folder), rank, ranks, port, options)
        )
        for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    processes[0].join(200)
    seconds = time.time() - event_time(folder)
    for process in processes:  # others end soon; what stands still is ended
        process.join(0 if options.get('event') else 60)
        process.kill()
        process.join()
    return Run(
        folder,
        [process.exitcode for process in processes],
        [log_of(folder, rank).read_text() for rank in range(ranks)],
        seconds,
    )


def be_rank(
    folder: str, rank: int, ranks: int, port: int, options: dict[str, Any]
) -> None:
    """Train as one of ``ranks``; what is printed goes to a file."""
    with log_of(Path(folder), rank).open('wb', buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if ranks > 1:
        os.environ.update(
            LAUNCHER='pytorch',
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(ranks),
            MASTER_ADDR='127.0.0.1',
            MASTER_PORT=str(port),
        )
    torch.set_num_threads(1)
    RUNNERS.build(config(folder, **options)).train()


def log_of(folder: Path, rank: int) -> Path:
    return folder / f'log-{rank}.txt'


def event_time(folder: Path) -> float:
    file = folder / 'when'
    return float(file.read_text()) if file.is_file() else 0.0


def free_port() -> int:
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return int(server.getsockname()[1])
