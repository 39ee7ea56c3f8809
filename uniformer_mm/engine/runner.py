"""A runner that says which data set file is missing, and what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.runner import Runner

from uniformer_mm.registry import RUNNERS

__all__ = ['DataCheckRunner', 'missing_paths']

REMOTE = re.compile(r'[A-Za-z][A-Za-z0-9+.-]+:')  # a scheme, not a drive


@RUNNERS.register_module()
class DataCheckRunner(Runner):
    """MMEngine's ``Runner`` with a check of local data paths.

    A config selects it by ``runner_type='uniformer_mm.DataCheckRunner'``. The
    tools of mmdet and mmaction2 and the training of mmseg honour that; mmpose
    and the tests of mmseg do not, and show errors of their own.
    """

    @staticmethod
    def build_dataloader(
        dataloader: Any, seed: int | None = None, diff_rank_seed: bool = False
    ) -> Any:
        """See ``Runner.build_dataloader``.

        Raises:
            FileNotFoundError: A local path of the data set does not exist.
        """
        if isinstance(dataloader, Mapping):
            require_data(dataloader['dataset'], 'dataset')
        return Runner.build_dataloader(dataloader, seed, diff_rank_seed)

    def build_evaluator(self, evaluator: Any) -> Any:
        """See ``Runner.build_evaluator``.

        Raises:
            FileNotFoundError: A metric's local annotation file is missing.
        """
        require_data(evaluator, 'evaluator')
        return super().build_evaluator(evaluator)


def require_data(cfg: Any, what: str) -> None:
    """Raise ``FileNotFoundError`` naming each path that ``cfg`` lacks."""
    missing = list(missing_paths(cfg))
    if missing:
        listed = '\n'.join(f'  {key}: {path}' for key, path in missing)
        raise FileNotFoundError(
            f'the {what} looks for these paths, relative to '
            f'{Path.cwd()}, and they do not exist:\n{listed}\n'
            'Put the data there, or point the config at it, e.g. '
            '--cfg-options train_dataloader.dataset.data_root=DIR '
            'val_dataloader.dataset.data_root=DIR '
            'test_dataloader.dataset.data_root=DIR, and, if the metric reads '
            'annotations itself, val_evaluator.ann_file=FILE '
            'test_evaluator.ann_file=FILE.\n'
            'For a small drawn data set to try things on: '
            '`uniformer-mm toy-data data/toy`, then a config of the same task '
            'whose name ends in _toy.py.'
        )


def missing_paths(cfg: Any) -> Iterator[tuple[str, Path]]:
    """Yield (key, path) of the local data paths in ``cfg`` that are missing.

    Looks at ``data_root``, ``ann_file`` and ``data_prefix`` of a data set or
    metric config, and into the wrappers' ``dataset`` and ``datasets``.
    Prefixes are looked for only where the annotation file is present, for
    they say nothing more where all of the data is missing.
    """
    if isinstance(cfg, Sequence) and not isinstance(cfg, str):
        for item in cfg:
            yield from missing_paths(item)
    if not isinstance(cfg, Mapping):
        return
    for key in ('dataset', 'datasets', 'metrics'):
        yield from missing_paths(cfg.get(key))
    root = _local_path(cfg.get('data_root'))
    ann_file = _local_path(cfg.get('ann_file'))
    if root is None or ann_file is None:
        return
    if root and not Path(root).exists():
        yield 'data_root', Path(root)
        return
    if ann_file and not Path(root, ann_file).exists():
        yield 'ann_file', Path(root, ann_file)
        return
    prefixes = cfg.get('data_prefix')
    for key, value in (
        prefixes.items() if isinstance(prefixes, Mapping) else ()
    ):
        prefix = _local_path(value)
        if prefix and not Path(root, prefix).exists():
            yield f'data_prefix.{key}', Path(root, prefix)


def _local_path(value: Any) -> str | None:
    """Return a path of this machine, '' for none, None where it can't be told.

    A check that exists for clear errors must not raise one of its own: what a
    host takes beside plain paths (remote storage, lists) is left to the host.
    """
    if value is None:
        return ''
    if not isinstance(value, (str, os.PathLike)):
        return None
    path = os.fspath(value)
    return None if REMOTE.match(path) else path
