"""Our configs: where they are, and which one a published file is for."""

from __future__ import annotations

import csv
import difflib
import os
from collections.abc import Sequence
from pathlib import Path

__all__ = [
    'NO_METRICS',
    'config_names',
    'config_of_weights',
    'config_root',
    'find_config',
    'paper_results',
    'results_of_weights',
]

NO_METRICS = (
    *('config', 'experiment', 'dataset', 'params_m', 'flops_g'),
    *('weights', 'note'),
)
"""Columns of results.csv that are no metrics."""
# Behind the name of a file of somebody else than the authors.
OTHER_HOSTS = ('_controlnet', '_mmaction2', '_mmpose')


def config_root() -> Path:
    """Folder of the configs: in a wheel ``.mim``, in a clone beside us.

    Raises:
        FileNotFoundError: Neither is there.
    """
    package = Path(__file__).parent
    for root in (package / '.mim' / 'configs', package.parent / 'configs'):
        if root.is_dir():
            return root
    raise FileNotFoundError(
        f'no configs in {package / ".mim"} nor beside {package}; install '
        'uniformer_mm again'
    )


def config_names() -> list[str]:
    """All configs, such as 'detection/uniformer_maskrcnn.py', sorted."""
    root = config_root()
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob('*.py')
        if '_base_' not in path.parts
    )


def find_config(name: str | os.PathLike[str]) -> Path:
    """Return the path of a config.

    Args:
        name: A path, or one of ``config_names``, with or without '.py'.

    Raises:
        FileNotFoundError: It is neither; the message has the nearest names.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    text = os.fspath(name).removesuffix('.py') + '.py'
    names = config_names()
    if text in names:
        return config_root() / text
    near = difflib.get_close_matches(text, names, 3, 0.4)
    raise FileNotFoundError(
        f'no config {os.fspath(name)!r}: it is no file, and none of ours '
        '(`uniformer-mm config` lists them)'
        + (f'; near: {near}' if near else '')
    )


def config_of_weights(name: str, task: str) -> Path:
    """Return the config that a published file is tested with.

    Args:
        name: Name of the catalogue.
        task: 'detection', 'segmentation', 'pose', 'action' or
            'classification'.

    Raises:
        FileNotFoundError: There is none.
    """
    folder = config_root() / task
    wanted = _without_host(name)
    rows = _results(task)
    named = {_without_host(r['weights']): r['config'] for r in rows[::-1]}
    stem = wanted if (folder / f'{wanted}.py').is_file() else named.get(wanted)
    if not stem:
        raise FileNotFoundError(
            f'no config of ours is for {name!r}; say which by config='
        )
    return folder / f'{stem}.py'


def paper_results(
    *, names: Sequence[str] = (), arch: str | None = None
) -> list[dict[str, str]]:
    """Return what the paper reports of published files, or of an arch.

    Args:
        names: Names of the catalogue.
        arch: A key of ``ARCHS``: its classification of ImageNet-1K.

    Returns:
        list[dict]: 'model' (a config of ours, or the paper's name of it),
        'dataset', 'metric' and 'value' of each number.
    """
    root = config_root()
    wanted = {_without_host(name) for name in names}
    found = []
    for row in _rows(root / 'models.csv'):
        if _without_host(row['weights']) in wanted or row['arch'] == arch:
            found.append((row['model'], 'ImageNet-1K', 'top-1', row['top1']))
    for path in sorted(root.glob('*/results.csv')):
        for row in _rows(path):
            if _without_host(row['weights']) in wanted:
                found += [
                    (row['config'], row['dataset'], metric, value)
                    for metric, value in row.items()
                    if metric not in NO_METRICS
                ]
    keys = ('model', 'dataset', 'metric', 'value')
    return [dict(zip(keys, row, strict=True)) for row in found if row[-1]]


def results_of_weights(name: str, task: str) -> list[dict[str, str]]:
    """Return what the paper reports of a published file.

    Args:
        name: Name of the catalogue.
        task: As for ``config_of_weights``.

    Returns:
        list[dict[str, str]]: Rows of the folder's results.csv: column -> text,
        '' where the paper is silent.
    """
    wanted = _without_host(name)
    return [r for r in _results(task) if _without_host(r['weights']) == wanted]


def _results(task: str) -> list[dict[str, str]]:
    return _rows(config_root() / task / 'results.csv')


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def _without_host(name: str) -> str:
    for host in OTHER_HOSTS:
        name = name.removesuffix(host)
    return name
