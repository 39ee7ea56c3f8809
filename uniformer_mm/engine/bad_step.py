"""What is told of a training step whose numbers went wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.dist import get_rank, is_distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from uniformer_mm.engine.find_bad import find_bad
from uniformer_mm.engine.random_state import (
    get_random_state,
    set_random_state,
)
from uniformer_mm.engine.step_file import write_step
from uniformer_mm.weights.reading import listed

__all__ = ['first_bad', 'save_step']


def first_bad(runner: Any, batch: Any, random_state: dict[str, Any]) -> str:
    """Do the step again, and say which part of it went wrong first.

    Gradients and the statistics of batch norms change by it; the random state
    does not.

    Args:
        runner: With the weights from before the step.
        batch: As the data loader gave it.
        random_state: Before the step, of ``get_random_state``.
    """
    model = _inner(runner.model)
    if is_distributed() and (
        model is runner.model
        or any(isinstance(m, nn.SyncBatchNorm) for m in model.modules())
    ):
        return 'shown by doing it again, as ranks compute together'
    now = get_random_state()
    set_random_state(random_state)
    try:
        return (
            find_bad(model, batch, runner.optim_wrapper)
            or 'nothing, when it was done again'
        )
    except Exception as error:  # the fault itself must be told
        return f'not found: doing it again failed ({error})'
    finally:
        set_random_state(now)


def save_step(
    runner: Any,
    what: str,
    files: list[str],
    batch: Any,
    random_state: dict[str, Any],
) -> str:
    """Write the step into the work folder, and say how to do it again.

    Args:
        runner: With the weights from before the step.
        what: What was not finite.
        files: Of the samples.
        batch: As the data loader gave it.
        random_state: Before the step, of ``get_random_state``.
    """
    name = f'non_finite_iter_{runner.iter + 1}_rank_{get_rank()}.pth'
    path = Path(runner.work_dir, name)
    try:
        left_out = write_step(
            path,
            what=what,
            iteration=runner.iter + 1,
            files=files,
            config=runner.cfg,
            batch=batch,
            model=_inner(runner.model),
            random_state=random_state,
        )
    # A disk may be full; the fault itself must be told.
    except Exception as error:
        return f"{path} can't be written ({error})"
    lack = f' (without {listed(left_out, 3)})' if left_out else ''
    return f'Do it again{lack}: uniformer-mm reproduce {path}'


def _inner(model: nn.Module) -> nn.Module:
    # Not in shards, which compute together alone.
    return (
        model.module if isinstance(model, DistributedDataParallel) else model
    )
