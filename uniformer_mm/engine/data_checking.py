"""What runners check of their data before they use it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.runner import Runner

from uniformer_mm.data_checks.data_set import (
    check_data_set,
    local_path,
    parts_of,
)
from uniformer_mm.data_checks.finding import Finding, errors_of, told
from uniformer_mm.data_checks.model import check_config
from uniformer_mm.engine.bad_samples import guard
from uniformer_mm.engine.class_data import require_class_folders

__all__ = ['DataChecks', 'missing_paths', 'require_data']

LOADERS = ('train', 'val', 'test')


class DataChecks:
    """What a runner of MMEngine checks of its data, mixed into it.

    Paths, annotation files and what the model wants of them are checked
    before training; a sample that fails later names its files, and
    ``train_dataloader.max_bad_samples=N`` puts others in the place of N of
    them.
    """

    cfg: Any

    @classmethod
    def from_cfg(cls, cfg: Any) -> Any:
        """See ``Runner.from_cfg``; this is what the hosts' tools call.

        Raises:
            SystemExit: No data set is there, so neither a training nor a test
                can run. Said before the config is logged, and without a
                traceback, so that nothing hides it.
        """
        loaders = (cfg.get(f'{what}_dataloader') for what in LOADERS)
        errors = [
            missing_message(loader['dataset'], 'dataset')
            for loader in loaders
            if isinstance(loader, Mapping)
        ]
        if errors and all(errors):
            raise SystemExit(errors[0])
        return super().from_cfg(cfg)  # type: ignore[misc]

    @staticmethod
    def build_dataloader(
        dataloader: Any, seed: int | None = None, diff_rank_seed: bool = False
    ) -> Any:
        """See ``Runner.build_dataloader``.

        Raises:
            FileNotFoundError: A local path of the data set does not exist.
            PermissionError: A folder of a class can't be read.
            TypeError, ValueError: ``max_bad_samples`` is no number of 0 or
                more; or the annotations can't be used: says all that is
                wrong.
        """
        if not isinstance(dataloader, Mapping):
            return Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        require_data(dataloader['dataset'], 'dataset')
        for part in parts_of(dataloader['dataset']):
            require_class_folders(part)
        require_sound(errors_of(check_data_set(dataloader['dataset'])))
        settings = dict(dataloader)
        max_bad_samples = settings.pop('max_bad_samples', 0)
        loader = Runner.build_dataloader(settings, seed, diff_rank_seed)
        guard(loader.dataset, max_bad_samples)
        return loader

    def train(self) -> Any:
        """See ``Runner.train``.

        Raises:
            ValueError: The annotations, or the model for them, can't be used:
                says all that is wrong, of both splits.
        """
        require_sound(check_config(self.cfg, ('train', 'val')))
        return super().train()  # type: ignore[misc]

    def val(self) -> Any:
        """See ``Runner.val``, and ``train``."""
        require_sound(check_config(self.cfg, ('val',)))
        return super().val()  # type: ignore[misc]

    def test(self) -> Any:
        """See ``Runner.test``, and ``train``."""
        require_sound(check_config(self.cfg, ('test',)))
        return super().test()  # type: ignore[misc]

    def build_evaluator(self, evaluator: Any) -> Any:
        """See ``Runner.build_evaluator``.

        Raises:
            FileNotFoundError: A metric's local annotation file is missing.
        """
        require_data(evaluator, 'evaluator')
        return super().build_evaluator(evaluator)  # type: ignore[misc]


def require_data(cfg: Any, what: str) -> None:
    """Raise ``FileNotFoundError`` naming each path that ``cfg`` lacks."""
    if message := missing_message(cfg, what):
        raise FileNotFoundError(message)


def missing_message(cfg: Any, what: str) -> str:
    """Say which paths ``cfg`` lacks and what to do; '' if it lacks none."""
    listed = '\n'.join(f'  {key}: {path}' for key, path in missing_paths(cfg))
    if not listed:
        return ''
    return (
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
    for part in parts_of(cfg):
        root = local_path(part.get('data_root'))
        ann_file = local_path(part.get('ann_file'))
        if root is None or ann_file is None:
            continue
        if root and not Path(root).exists():
            yield 'data_root', Path(root)
            continue
        if ann_file and not Path(root, ann_file).exists():
            yield 'ann_file', Path(root, ann_file)
            continue
        prefixes = part.get('data_prefix')
        for key, value in (
            prefixes.items() if isinstance(prefixes, Mapping) else ()
        ):
            prefix = local_path(value)
            if prefix and not Path(root, prefix).exists():
                yield f'data_prefix.{key}', Path(root, prefix)


def require_sound(findings: Iterable[Finding]) -> None:
    """Log warnings, and raise ``ValueError`` with all errors at once."""
    found = list(findings)
    if wrong := errors_of(found):
        raise ValueError(
            f"the data can't be trained on or tested with as it is:\n"
            f'{told(wrong)}\n`uniformer-mm check-data CONFIG` opens pictures '
            'and videos too.'
        )
    if found:
        print_log(f'of the data:\n{told(found)}', 'current', logging.WARNING)
