"""``uniformer-mm init``: a config for one's own data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from uniformer_mm.hosts import TASK_HOSTS

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'init',
        help='write a config for your own data',
        description='Find out what a folder holds (boxes of COCO, Pascal VOC '
        'or YOLO; pictures and masks; keypoints of COCO; a folder of videos '
        'or of pictures per class), and write a config that trains on it. '
        "What the host can't read as it is, is written beside the config; "
        'the folder itself is not changed.',
    )
    parser.add_argument('task', choices=list(TASK_HOSTS))
    parser.add_argument('data', type=Path, metavar='DIR', help='your data')
    parser.add_argument(
        '--out', type=Path, help='config to write; default: DIR_TASK.py here'
    )
    parser.add_argument(
        '--val-share',
        type=float,
        default=0.1,
        help='part that validates, where there is no split (0.1)',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='another one draws other parts'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the config, check it, and say what to do next.

    Raises:
        ImportError: The host of the task is not installed.
        OSError: The folder is not there, or a file is.
        ValueError: The data can't be trained on, and why.
    """
    from uniformer_mm.data_checks.finding import errors_of, told
    from uniformer_mm.own_data import write_config

    name = args.data.expanduser().resolve().name
    out = args.out or Path(f'{name}_{args.task}.py')
    written = write_config(
        args.task,
        args.data,
        out,
        val_share=args.val_share,
        seed=args.seed,
    )
    print(f'found: {written.summary}')
    for note in written.notes:
        print(f'  note: {note}')
    findings = _check(written.config)
    if findings:
        print(told(findings))
    if wrong := errors_of(findings):
        print(
            f'{len(wrong)} error(s) to correct before training with '
            f'{written.config}'
        )
        return 1
    print(f'written: {written.config}\n')
    print(f'uniformer-mm check-data {out}  # opens every file')
    print(f'mim train {written.host} {out}')
    return 0


def _check(config: Path) -> list[Any]:
    from mmengine import Config
    from mmengine.registry import DefaultScope

    from uniformer_mm.data_checks import check_config
    from uniformer_mm.hosts import import_extra

    cfg = Config.fromfile(config)
    import_extra(f'{cfg.default_scope}.datasets')
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return check_config(cfg)
