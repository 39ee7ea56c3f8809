"""``uniformer-mm convert``: an official file in today's naming."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from uniformer_mm.weights.convert import TASKS, convert
from uniformer_mm.weights.files import read_weights, write_weights
from uniformer_mm.weights.labels import permute_head

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'convert',
        help='convert an official weight file, for `mim test` or a backbone',
        description='Every key of SRC is kept, renamed, changed or dropped by '
        'a named rule; what is left over is an error. DST is written whole or '
        'not at all.',
    )
    parser.add_argument('src', type=Path)
    parser.add_argument('dst', type=Path, help='.pth or .safetensors')
    parser.add_argument('--task', choices=TASKS, required=True)
    parser.add_argument(
        '--ema', action='store_true', help='take the averaged weights'
    )
    parser.add_argument(
        '--labels',
        type=Path,
        nargs=2,
        metavar=('FROM', 'TO'),
        help='class names, one per line, in the order of SRC and in the order '
        'wanted (action: the Kinetics models of the authors have their own)',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert one file and print the account.

    Raises:
        ValueError: The file, its keys or the labels are not as they must be.
        OSError: A file can't be read or written.
    """
    if args.labels and args.task != 'action':
        raise ValueError(f'--labels needs --task action, got {args.task}')
    file = read_weights(args.src, ema=args.ema)
    state, report = convert(file.state, args.task)
    head = ''
    if args.task == 'action':
        head = 'head: not permuted, no --labels given'
    if args.labels:
        ours, wanted = map(_labels, args.labels)
        state, step = permute_head(state, ours, wanted, 'cls_head.fc_cls.')
        report = report.then(step)
        if 'neck.head_cls.weight' in state:  # of a light model
            state, step = permute_head(state, ours, wanted, 'neck.head_cls.')
            report = report.then(step)
        permuted = 'permuted' if step.changed else 'in this order already'
        head = f'head: {permuted}'
    write_weights(state, args.dst)
    print(f'{args.src} ({file.wrapper}) -> {args.dst}: {report.summary()}')
    for source, rule in report.dropped.items():
        print(f'  dropped {source}: {rule}')
    for source, result in report.renamed.items():
        print(f'  renamed {source} -> {result}')
    if head:
        print(head)
    return 0


def _labels(path: Path) -> list[str]:
    try:
        return path.read_text(encoding='utf-8').strip().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is no UTF-8 text: {error}') from error
