"""``uniformer-mm flops``: what the model of a config costs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from uniformer_mm.analysis import Complexity, count_complexity
from uniformer_mm.cli.config import config_root

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'flops',
        help='count parameters and multiply-adds of a config',
        description='Multiply-adds are what papers call FLOPs. No memory and '
        'no GPU is needed.',
    )
    parser.add_argument(
        'config',
        type=Path,
        help='file, or name such as detection/uniformer_maskrcnn.py',
    )
    parser.add_argument(
        '--shape',
        type=int,
        nargs='+',
        metavar='N',
        help='H W in pixels, or T H W for videos; by default what the config '
        'is tested on',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a row per part of the model, and their sum.

    Raises:
        ValueError: The config or the shape can't be counted.
        OSError: There is no such config.
    """
    path = args.config
    if not path.is_file() and (config_root() / path).is_file():
        path = config_root() / path
    complexity = count_complexity(path, args.shape)
    console = Console(markup=False, emoji=False, highlight=False)
    console.print(_table(complexity))
    print(f'input {"x".join(map(str, complexity.shape))}')
    return 0


def _table(complexity: Complexity) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column('part', no_wrap=True)
    for title in ('parameters (M)', 'multiply-adds (G)'):
        table.add_column(title, justify='right')
    views = complexity.views
    rows = [(p.name, p.params, p.macs) for p in complexity.parts]
    one_view = sum(part.macs for part in complexity.parts)
    rows.append(('one view', complexity.params, one_view))
    if views > 1:
        rows.append((f'{views} views', complexity.params, complexity.macs))
    else:
        rows[-1] = ('total', *rows[-1][1:])
    for name, params, macs in rows:
        table.add_row(name, f'{params / 1e6:.2f}', f'{macs / 1e9:.2f}')
    return table
