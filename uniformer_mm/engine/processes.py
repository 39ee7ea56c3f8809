"""Several processes on whatever device there is, a CPU too.

MMEngine chooses a GPU for each process before it joins them, whatever the
backend, and names a GPU to ``DistributedDataParallel``: without one, training
in several processes ends in both places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging import Logger
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import init_dist, is_distributed
from mmengine.model import revert_sync_batchnorm
from torch import nn

from uniformer_mm.checks import check_number
from uniformer_mm.engine.watch import RankWatch

__all__ = [
    'Processes',
    'ddp_of_a_cpu',
    'join_processes',
    'norms_of_a_cpu',
    'on_cpu',
]


class Processes:
    """What a runner of MMEngine does about its ranks, mixed into it."""

    def train(self) -> Any:
        """See ``Runner.train``; the ranks are watched."""
        with RankWatch(self):
            return super().train()  # type: ignore[misc]

    def test(self) -> Any:
        """See ``Runner.test``; the ranks are watched."""
        with RankWatch(self):
            return super().test()  # type: ignore[misc]


def on_cpu() -> bool:
    """Whether MMEngine trains on the CPU of this machine."""
    return bool(get_device() == 'cpu')


def ddp_of_a_cpu(**options: Any) -> dict[str, Any]:
    """Return MMEngine's wrapper as ever, but for the number of a GPU."""
    return {
        'type': 'MMDistributedDataParallel',
        'broadcast_buffers': False,
        **options,
        'device_ids': None,
    }


def norms_of_a_cpu(model: nn.Module, logger: Logger) -> nn.Module:
    """Make batch norms of torch's synchronized ones, which need a GPU.

    Those of mmcv (``sync_bn='mmcv'``) stay: with mmcv-lite they run here.
    """
    if any(isinstance(part, nn.SyncBatchNorm) for part in model.modules()):
        logger.warning(
            "torch's SyncBatchNorm needs a GPU: on this CPU each process "
            'normalizes by its own samples'
        )
        model = revert_sync_batchnorm(model)
    return model


def join_processes(launcher: str, dist_cfg: Mapping[str, Any] | None) -> None:
    """Join the process group by gloo where there is no GPU.

    With one, MMEngine does it.

    Args:
        launcher (str): 'none', 'pytorch', 'slurm' or 'mpi'.
        dist_cfg (dict | None): ``env_cfg.dist_cfg``: ``timeout`` (float) is
            how long a rank waits for the others, in seconds; the backend is
            not looked at.

    Raises:
        TypeError: ``timeout`` is not a number.
        ValueError: ``timeout`` is below a second.
    """
    options = {**(dist_cfg or {}), 'backend': 'gloo'}
    if options.get('timeout') is not None:
        check_number('env_cfg.dist_cfg.timeout', options['timeout'], 1)
    if launcher != 'none' and on_cpu() and not is_distributed():
        with _no_gpu_to_choose():
            init_dist(launcher, **options)


# NOTE: this changes a function of torch for the time of one call, because
# MMEngine calls it without asking whether there is a GPU.
@contextmanager
def _no_gpu_to_choose() -> Iterator[None]:
    set_device = torch.cuda.set_device
    torch.cuda.set_device = lambda *_: None
    try:
        yield
    finally:
        torch.cuda.set_device = set_device
