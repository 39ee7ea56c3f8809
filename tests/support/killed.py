"""A training that is killed at the Nth of its moments."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from tests.support.trainings import train
from uniformer_mm.engine import checkpoint_hook

__all__ = ['STEPS', 'WRITING', 'train_and_die']

STEPS = ('before an iteration', 'in a forward', 'after an iteration')
WRITING = (
    'a checkpoint half written',
    'before its rename',
    'before the pointer',
    'before the deletion',
)


def train_and_die(
    config: Config, log: Path, names: tuple[str, ...], number: int
) -> None:
    """Train, and die at the ``number``-th moment of ``names``, from 1.

    To be called in a process of its own, of which it changes MMEngine. The
    moment's name goes to a line of ``log.with_suffix('.moments')``.
    """
    left = number

    def moment(name: str) -> None:
        nonlocal left
        left -= name in names
        if not left:
            with log.with_suffix('.moments').open('a') as file:
                file.write(f'{name}\n')
            os.kill(os.getpid(), signal.SIGKILL)

    def before(owner: Any, attribute: str, name: str) -> None:
        function = getattr(owner, attribute)

        def then(*args: Any, **kwargs: Any) -> Any:
            moment(name)
            return function(*args, **kwargs)

        setattr(owner, attribute, then)

    def put_half(backend: Any, content: bytes, path: str) -> None:
        Path(path).write_bytes(content[: len(content) // 2])
        moment(WRITING[0])
        put(backend, content, path)

    put: Callable[..., None] = LocalBackend.put
    LocalBackend.put = put_half  # type: ignore[method-assign]
    before(checkpoint_hook, '_replace', WRITING[1])
    before(checkpoint_hook, 'write_last_checkpoint', WRITING[2])
    before(checkpoint_hook.CheckpointHook, '_delete', WRITING[3])

    class Steps(Hook):
        def before_train(self, runner: Any) -> None:
            runner.model.backbone.register_forward_hook(
                lambda *_: moment(STEPS[1])
            )

        def before_train_iter(self, *_: Any, **__: Any) -> None:
            moment(STEPS[0])

        def after_train_iter(self, *_: Any, **__: Any) -> None:
            moment(STEPS[2])

    HOOKS.register_module(module=Steps, name='StepsToDieAt', force=True)
    # After the one that keeps the losses.
    hook = {'type': 'mmengine.StepsToDieAt', 'priority': 'LOWEST'}
    config.custom_hooks = [*config.custom_hooks, hook]
    train(config, log)
