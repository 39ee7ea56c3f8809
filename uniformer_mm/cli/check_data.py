"""``uniformer-mm check-data``: every fault of the data of a config."""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from uniformer_mm.cli.bar import progress_bar
from uniformer_mm.configs import find_config

__all__ = ['add_parser', 'run']

SPLITS = ('train', 'val', 'test')
COLUMNS = ('severity', 'file', 'place', 'what', 'way_out')
SHOWN = 50  # findings on the screen; a report has all


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'check-data',
        help='find what is wrong with the data of a config',
        description='Check annotation files against the model, and open '
        'every picture, mask and video with the readers of the config. The '
        'exit code is 1 if there is an error.',
    )
    parser.add_argument(
        'config', help='file, or name such as detection/uniformer_maskrcnn.py'
    )
    parser.add_argument('--splits', nargs='+', choices=SPLITS, default=SPLITS)
    parser.add_argument(
        '--annotations-only',
        action='store_true',
        help='open no pictures and videos, as before each training',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=min(os.cpu_count() or 1, 8),
        help='processes that read; 0 for none but this one',
    )
    parser.add_argument('--out', type=Path, help='csv file with all findings')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='as of mim train, such as train_dataloader.dataset.data_root=DIR',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings, and return 1 if one is an error.

    Raises:
        ImportError: The host of the config is not installed.
        OSError: There is no such config, or the report can't be written.
        ValueError: Workers below 0, or no config of a host.
    """
    from mmengine.registry import DefaultScope

    from uniformer_mm.data_checks.finding import errors_of

    if args.workers < 0:
        raise ValueError(f'--workers must be 0 or more, got {args.workers}')
    config = _read(args.config, args.cfg_options)
    with DefaultScope.overwrite_default_scope(config['default_scope']):
        findings = list(_findings(config, args))
    for finding in findings[:SHOWN]:
        print(f'{finding.severity}: {finding}')
    if len(findings) > SHOWN:
        more = len(findings) - SHOWN
        where = args.out or 'a report: --out FILE.csv'
        print(f'... and {more:,} more: see {where}')
    if args.out:
        _write(args.out, findings)
    errors = len(errors_of(findings))
    print(f'{errors:,} errors, {len(findings) - errors:,} warnings')
    return int(errors > 0)


def _read(name: str, options: Iterable[str]) -> Any:
    from mmengine import Config, DictAction

    from uniformer_mm.hosts import host_of, import_extra

    config = Config.fromfile(find_config(name))
    parser = argparse.ArgumentParser()
    parser.add_argument('--set', nargs='+', action=DictAction, default={})
    words = list(options)
    if words:
        config.merge_from_dict(parser.parse_args(['--set', *words]).set)
    import_extra(f'{host_of(config).module}.datasets')
    return config


def _findings(config: Any, args: argparse.Namespace) -> Iterator[Any]:
    from uniformer_mm.data_checks import Finding, check_config
    from uniformer_mm.engine.data_checking import missing_paths

    splits = tuple(args.splits)
    parts = [
        (split, config.get(f'{split}_{what}'))
        for split in splits
        for what in ('dataloader', 'evaluator')
    ]
    lost = dict.fromkeys(
        Finding(
            str(path),
            (),
            f'it does not exist ({split}, {key})',
            'put it there, or set data_root',
        )
        for split, cfg in parts
        for key, path in missing_paths(cfg)
    )
    yield from lost
    yield from check_config(config, splits)
    if not args.annotations_only:
        yield from _open_all(config, splits, args.workers)


def _open_all(
    config: Any, splits: Iterable[str], workers: int
) -> Iterator[Any]:
    """Open what each data set has, once where two are the same."""
    from uniformer_mm.data_checks import Finding
    from uniformer_mm.data_checks.data_set import kind_of, parts_of
    from uniformer_mm.data_checks.opening import (
        Samples,
        label_findings,
        opened,
    )

    done: list[Any] = []
    with progress_bar() as bar:
        for split in splits:
            loader = config.get(f'{split}_dataloader') or {}
            for part in parts_of(loader.get('dataset')):
                if not kind_of(part) or part in done:
                    continue
                done.append(part)
                try:
                    samples = Samples(part)
                except Exception as error:
                    yield Finding(
                        _file_of(part),
                        (),
                        f"the host can't read the data set of {split}: "
                        f'{type(error).__name__}: {error}',
                        'see the errors above',
                    )
                    continue
                task = bar.add_task(split, total=len(samples))
                values: set[int] = set()
                for found, seen in opened(samples, workers):
                    yield from found
                    values |= seen
                    bar.advance(task)
                yield from label_findings(part, values)


def _file_of(cfg: Mapping[str, Any]) -> str:
    root = str(cfg.get('data_root') or '')
    return os.path.join(root, str(cfg.get('ann_file') or ''))


def _write(path: Path, findings: Iterable[Any]) -> None:
    """Write a row per place of each finding."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', newline='', encoding='utf-8') as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for f in findings:
            for place in f.places or ('',):
                rows.writerow((f.severity, f.file, place, f.what, f.way_out))
