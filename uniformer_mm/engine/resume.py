"""A training that goes on: its checkpoint, its seed, its place in the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.model import is_model_wrapper
from torch import nn

from uniformer_mm.data_checks.data_set import local_path
from uniformer_mm.engine.checkpoint_choice import (
    CHOICES,
    Choice,
    named,
    newest,
)
from uniformer_mm.engine.checkpoint_files import Shapes, unreadable
from uniformer_mm.engine.seeded_loader import SeededLoader

__all__ = ['place_loader', 'prepare_resume', 'require_own_optimizer']


def prepare_resume(runner: Any) -> None:
    """Make ``runner`` resume from a checkpoint that is whole and its own.

    To be called before data loaders are built: the seed of the checkpoint
    becomes the runner's, as samplers keep the one that they are built with.
    All of a file is read once for it.

    Args:
        runner: A ``Runner``, or one of its like with a model built later,
            which is then not compared.

    Raises:
        ValueError: There are checkpoints, and none to go on from.
    """
    resume, path = runner._resume, runner._load_from
    if isinstance(resume, str):  # as the command of most hosts has it
        path = path if resume == 'auto' else resume
    choice = Choice(path)
    if is_main_process() and local_path(path) is not None:
        shapes = _shapes(runner)
        if not resume:
            choice.error = unreadable(path) if path else ''
        elif path is None:
            choice = newest(Path(runner.work_dir), shapes, _hook(runner))
        else:
            choice = named(Path(path), shapes)
    answer = [choice]
    broadcast_object_list(answer)
    (choice,) = answer
    for word in choice.words:
        runner.logger.warning(word)
    if choice.error:
        raise ValueError(choice.error)
    runner._resume, runner._load_from = bool(resume), choice.path
    known = runner._randomness_cfg.get('seed')
    if choice.seed is not None and choice.seed != known:
        if known is not None:
            runner.logger.warning(
                f'randomness.seed is {known}, but the training that is '
                f'resumed had {choice.seed}, which is taken'
            )
        runner._randomness_cfg.update(seed=choice.seed)
        # A flexible runner has its strategy do it.
        owner = (
            runner if hasattr(runner, 'set_randomness') else runner.strategy
        )
        name = 'set_randomness' if owner is runner else '_set_randomness'
        getattr(owner, name)(**runner._randomness_cfg)


def place_loader(loop: Any) -> None:
    """Tell the loader of a resumed training loop where it is.

    An epoch-based loop begins an epoch; what is trained of it is left out. An
    iteration-based one asks for all batches from the start on, and throws
    them away: it is given nothing in their place, which takes no time.
    """
    loader = loop.dataloader
    if not isinstance(loader, SeededLoader):
        return
    if hasattr(loop, 'dataloader_iterator'):
        loader.resume(loop.iter, loop.iter, answer=True)
        return
    trained = loop.iter - loop.epoch * len(loader)
    # Else the epochs had another length: other data, or more processes.
    skip = trained if 0 <= trained <= len(loader) else 0
    loader.resume(loop.iter, skip, answer=False)


def require_own_optimizer(runner: Any) -> None:
    """Refuse the state of an optimizer of another class, once it is loaded.

    torch takes it, and fails at the first step for want of its own settings.

    Raises:
        ValueError: The optimizer has not all of its settings.
    """
    wrapper = getattr(runner, 'optim_wrapper', None)
    optimizer: Any = getattr(wrapper, 'optimizer', None)
    if not type(optimizer).__module__.startswith('torch.optim.'):
        return
    missing = {
        key
        for group in optimizer.param_groups
        for key in optimizer.defaults
        if key not in group
    }
    if missing:
        raise ValueError(
            f"can't resume: the config has {type(optimizer).__name__}, and "
            'the checkpoint is of a training with another optimizer: it has '
            f'no {sorted(missing)}\n{CHOICES}.'
        )


def _hook(runner: Any) -> Any:
    hooks = (h for h in runner.hooks if isinstance(h, CheckpointHook))
    return next(hooks, None)


def _shapes(runner: Any) -> Shapes | None:
    """Return key -> shape of the weights, or None before there is a model."""
    model: Any = getattr(runner, 'model', None)
    while is_model_wrapper(model):
        model = model.module
    if not isinstance(model, nn.Module):
        return None
    return {key: tuple(v.shape) for key, v in model.state_dict().items()}
