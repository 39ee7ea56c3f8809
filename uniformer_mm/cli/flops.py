"""``uniformer-mm flops``: what the model of a config costs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from uniformer_mm.analysis import Complexity, count_complexity
from uniformer_mm.cli.table import print_table
from uniformer_mm.configs import find_config

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
    complexity = count_complexity(find_config(args.config), args.shape)
    numbers = ('parameters (M)', 'multiply-adds (G)')
    print_table(('part', *numbers), _rows(complexity), numbers=numbers)
    print(f'input {"x".join(map(str, complexity.shape))}')
    return 0


def _rows(complexity: Complexity) -> list[tuple[str, str, str]]:
    params, macs, views = complexity.params, complexity.macs, complexity.views
    rows = [(p.name, p.params, p.macs) for p in complexity.parts]
    if views == 1:
        rows.append(('total', params, macs))
    else:
        rows.append(('one view', params, macs // views))
        rows.append((f'{views} views', params, macs))
    return [
        (name, f'{params / 1e6:.2f}', f'{macs / 1e9:.2f}')
        for name, params, macs in rows
    ]
