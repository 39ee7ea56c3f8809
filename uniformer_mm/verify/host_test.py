"""The test of a host, run with given weights on the data of a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.registry import RUNNERS

from uniformer_mm.engine.data_checking import missing_paths

__all__ = ['point_at', 'require_layout', 'run_test']


def point_at(config: Config, data: Path) -> None:
    """Put ``data`` in the place of the config's data root, in all paths."""
    dataset = config.test_dataloader.dataset
    while 'data_root' not in dataset:
        dataset = dataset.dataset
    root = dataset.data_root.rstrip('/')

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            for key in value:
                value[key] = moved(value[key])
        elif isinstance(value, list):
            return [moved(item) for item in value]
        elif isinstance(value, str) and f'{value}/'.startswith(f'{root}/'):
            return f'{data}{value[len(root) :]}'
        return value

    for part in ('test_dataloader', 'test_evaluator'):
        config[part] = moved(config[part])


def require_layout(config: Config, data: Path, name: str) -> None:
    """Raise ``FileNotFoundError`` where the data set looks in vain.

    Args:
        config: What ``point_at`` was given, of the name ``name``.
        data: The folder.
        name: Of the config, for the message.
    """
    missing = missing_paths(config.test_dataloader.dataset)
    if lines := ''.join(f'\n  {key}: {path}' for key, path in missing):
        raise FileNotFoundError(
            f'data: {data} is not laid out as {name}.py has it below its '
            f'data_root; there is no{lines}'
        )


def run_test(config: Config, state: Any, device: str) -> dict[str, float]:
    """Run the host's test loop.

    Args:
        config: Its parts for training are taken out.
        state: State dict of the whole model.
        device: Such as 'cpu' or 'cuda:0'.

    Returns:
        dict: Metric of the host -> value.
    """
    for part in ('train', 'val'):
        for kind in ('dataloader', 'cfg', 'evaluator'):
            config.pop(f'{part}_{kind}', None)
    for key in ('optim_wrapper', 'param_scheduler', 'auto_scale_lr'):
        config.pop(key, None)
    config.custom_hooks = []
    with tempfile.TemporaryDirectory() as folder:
        config.work_dir = folder
        config.experiment_name = Path(folder).name
        runner: Any = RUNNERS.build(config)
        runner.model.load_state_dict(state)
        runner.model.to(device)
        return dict(runner.test())
