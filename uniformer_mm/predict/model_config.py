"""The config of a host's model: given, or that which follows from weights."""

from __future__ import annotations

import copy
from typing import Any

from mmengine import Config

from uniformer_mm.configs import config_of_weights, find_config
from uniformer_mm.hosts import TASK_HOSTS
from uniformer_mm.predict.stored_config import stored_config
from uniformer_mm.weights.whole import ModelFile

__all__ = ['read_config']


def read_config(task: str, config: Any, found: ModelFile) -> Config:
    """Return the config of a model, a copy.

    Args:
        task: A key of ``TASK_HOSTS``.
        config: A path, a name of ours, a ``Config``, or None for the one that
            follows from the weights.
        found: The weights.

    Raises:
        FileNotFoundError: There is no such config.
        ValueError: It is of another task, or nothing says which it is.
    """
    host = TASK_HOSTS[task]
    if isinstance(config, Config):
        config = copy.deepcopy(config)
    elif config is not None:
        config = Config.fromfile(find_config(config))
    elif found.entry is not None:
        if found.entry.tested_as != task:
            raise ValueError(
                f'{found.entry.name} is for {found.entry.task}, not for {task}'
            )
        path = config_of_weights(found.entry.name, task)
        config = Config.fromfile(path)
    else:
        config = stored_config(found.file.meta)
    if config is None:
        raise ValueError(
            f'{found.file.path.name} is no file of the catalogue and holds no '
            'config: give the one that it was trained with by config='
        )
    scope = config.get('default_scope')
    if scope != host:
        raise ValueError(
            f'{task} takes a config with default_scope {host!r}, got {scope!r}'
        )
    return config
