"""``uniformer-mm config``: where our configs are, and swapped ones."""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path
from typing import Any

from uniformer_mm.configs import config_names, config_root
from uniformer_mm.hosts import TASK_HOSTS, advice

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'config',
        help='print the path of a config, list them all, or swap a stock one',
        description='For use without a clone: mim train mmdet '
        '$(uniformer-mm config detection/uniformer_maskrcnn.py). With --swap: '
        'a config of a host with our backbone in place of its own.',
    )
    parser.add_argument(
        'name', nargs='?', help='such as detection/uniformer_maskrcnn.py'
    )
    parser.add_argument(
        '--swap',
        metavar='STOCK_CONFIG',
        help='a path, or such as mmdet::yolox/yolox_s_8xb8-300e_coco.py',
    )
    parser.add_argument(
        '--arch', help="with --swap: the variant; 'small' if not given"
    )
    parser.add_argument(
        '--backbone',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='with --swap: arguments of the backbone, such as with_cp=True',
    )
    parser.add_argument(
        '--out', type=Path, help='with --swap: a new file, not the screen'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one path, or all names; on stderr what runs it and is missing.

    With ``--swap`` print or write the swapped config, and notes on stderr.

    Raises:
        FileExistsError: ``--out`` is there.
        ValueError: There is no config of that name, or it can't be swapped.
    """
    if args.swap is not None:
        return _swap(args)
    if args.arch or args.backbone or args.out:
        raise ValueError('--arch, --backbone and --out go with --swap')
    names = config_names()
    if args.name is None:
        print('\n'.join(names))
        return 0
    if args.name not in names:
        raise ValueError(f'no config {args.name!r}; choose one of {names}')
    print(config_root() / args.name)
    folder = Path(args.name).parts[0]
    hosts = [TASK_HOSTS[folder]] if folder in TASK_HOSTS else []
    missing = advice([*hosts, 'mim'])
    if missing:
        sys.stderr.write(f'uniformer-mm: to run it, {missing}\n')
    return 0


def _swap(args: argparse.Namespace) -> int:
    from uniformer_mm.swap import make_swap

    if args.name is not None:
        raise ValueError(f'--swap takes a stock config, not {args.name!r} too')
    if args.out and args.out.exists():
        raise FileExistsError(f'--out {args.out} is there; name a new file')
    options = dict(map(_option, args.backbone))
    if args.arch:
        options['arch'] = args.arch
    words = ''.join(f' {key}={value}' for key, value in options.items())
    try:
        swap = make_swap(args.swap, **options)
    except TypeError as error:
        raise ValueError(f'--backbone: {error}') from error
    title = f'{args.swap} with our backbone:{words or " arch=small"}'
    text = swap.text(title)
    if args.out:
        args.out.write_text(text, encoding='utf-8')
        print(f'mim train {swap.host} {args.out}')
    else:
        print(text, end='')
    for note in swap.notes:
        sys.stderr.write(f'uniformer-mm: {note}\n')
    return 0


def _option(word: str) -> tuple[str, Any]:
    key, mark, value = word.partition('=')
    if not mark:
        raise ValueError(f'--backbone takes KEY=VALUE, got {word!r}')
    try:
        return key, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return key, value  # a string, as people write it
