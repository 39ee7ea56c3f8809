"""A runner that says what is wrong with a data set, and what to do."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.fileio import list_from_file
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from uniformer_mm.engine.class_data import (
    require_class_folders,
    require_fitting_head,
    require_label_maps,
)
from uniformer_mm.registry import RUNNERS

__all__ = ['DataCheckRunner', 'missing_paths']

NAME = 'uniformer_mm.DataCheckRunner'
LOADERS = ('train', 'val', 'test')
# Data sets of mmdet that number classes by another order than their file's.
OTHER_ORDER = ('LVIS', 'Objects365')
REMOTE = re.compile(r'[A-Za-z][A-Za-z0-9+.-]+:')  # a scheme, not a drive


@RUNNERS.register_module()
class DataCheckRunner(Runner):
    """MMEngine's ``Runner`` with a check of local data paths and of classes.

    A config selects it by ``runner_type='uniformer_mm.DataCheckRunner'``. The
    tools of mmpose and the tests of mmseg don't look at that key: they call
    ``Runner.from_cfg``, which importing this module makes look at it.
    """

    @classmethod
    def from_cfg(cls, cfg: Any) -> Runner:
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
        return super().from_cfg(cfg)

    @staticmethod
    def build_dataloader(
        dataloader: Any, seed: int | None = None, diff_rank_seed: bool = False
    ) -> Any:
        """See ``Runner.build_dataloader``.

        Raises:
            FileNotFoundError: A local path of the data set does not exist.
            PermissionError: A folder of a class can't be read.
            ValueError: Classes of the config are not those of the file or of
                the folders.
        """
        if isinstance(dataloader, Mapping):
            require_data(dataloader['dataset'], 'dataset')
            require_classes(dataloader['dataset'])
            for part in _parts(dataloader['dataset']):
                require_class_folders(part)
        return Runner.build_dataloader(dataloader, seed, diff_rank_seed)

    def build_evaluator(self, evaluator: Any) -> Any:
        """See ``Runner.build_evaluator``.

        Raises:
            FileNotFoundError: A metric's local annotation file is missing.
        """
        require_data(evaluator, 'evaluator')
        return super().build_evaluator(evaluator)

    def build_train_loop(self, loop: Any) -> Any:
        """See ``Runner.build_train_loop``.

        Raises:
            FileNotFoundError: Pictures without a label map.
            ValueError: Classes of data and head differ.
        """
        built = super().build_train_loop(loop)
        self._check_classes(built)
        require_label_maps(built.dataloader.dataset)
        return built

    def build_val_loop(self, loop: Any) -> Any:
        """See ``Runner.build_val_loop``, and ``build_train_loop``."""
        built = super().build_val_loop(loop)
        self._check_classes(built)
        return built

    def build_test_loop(self, loop: Any) -> Any:
        """See ``Runner.build_test_loop``, and ``build_train_loop``."""
        built = super().build_test_loop(loop)
        self._check_classes(built)
        return built

    def _check_classes(self, loop: Any) -> None:
        model = self.model
        if is_model_wrapper(model):
            model = model.module
        require_fitting_head(model, loop.dataloader.dataset)


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
    for part in _parts(cfg):
        root = _local_path(part.get('data_root'))
        ann_file = _local_path(part.get('ann_file'))
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
            prefix = _local_path(value)
            if prefix and not Path(root, prefix).exists():
                yield f'data_prefix.{key}', Path(root, prefix)


def require_classes(cfg: Any) -> None:
    """Compare the ``metainfo.classes`` of data sets in COCO's format.

    mmdet numbers the classes by the order of ``categories`` in the file, and
    takes their names by the order in the config: where these differ, names
    are shifted and nothing says so. A file may have further categories.

    Raises:
        ValueError: The names or their order differ.
    """
    for part in _parts(cfg):
        meta = part.get('metainfo')
        classes = meta.get('classes') if isinstance(meta, Mapping) else None
        ann_file = _local_path(part.get('ann_file'))
        kind = str(part.get('type')).rpartition('.')[2]
        if not classes or not ann_file or kind.startswith(OTHER_ORDER):
            continue
        if isinstance(classes, str) and Path(classes).is_file():
            classes = list_from_file(classes)
        path = Path(_local_path(part.get('data_root')) or '', ann_file)
        names = _category_names(path)
        known = [name for name in names if name in tuple(classes)]
        if names and known != list(classes):
            raise ValueError(
                'metainfo.classes must be names of the categories in '
                f'{path}, in the order of the file, by which mmdet numbers '
                f'them, whatever their ids. The config has {list(classes)}, '
                f'the file {names}. Set train_dataloader.dataset.metainfo, '
                'that of val_dataloader and of test_dataloader, or put the '
                'categories of the files in one order.'
            )


def _category_names(path: Path) -> list[str]:
    """Names of a file's categories; none where it is of another format."""
    if path.suffix != '.json' or not path.is_file():
        return []
    try:
        content = json.loads(path.read_bytes())
        return [category['name'] for category in content['categories']]
    except (KeyError, TypeError, ValueError):  # the host will say so
        return []


def _parts(cfg: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the data sets or metrics in wrappers and lists of them."""
    if isinstance(cfg, Sequence) and not isinstance(cfg, str):
        for item in cfg:
            yield from _parts(item)
    if isinstance(cfg, Mapping):
        for key in ('dataset', 'datasets', 'metrics'):
            yield from _parts(cfg.get(key))
        yield cfg


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


_from_cfg = Runner.from_cfg.__func__


# NOTE: this changes a method of MMEngine, because the tools of mmpose, and the
# tests of mmseg, call it without a look at ``runner_type``. A config that
# names another runner, or none, is built as ever.
def _from_cfg_of_the_named(cls: type[Runner], cfg: Any) -> Runner:
    if cls is Runner and cfg.get('runner_type') == NAME:
        return DataCheckRunner.from_cfg(cfg)
    return _from_cfg(cls, cfg)


Runner.from_cfg = classmethod(_from_cfg_of_the_named)
