"""``uniformer-mm convert``: an official file in today's naming."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any

from uniformer_mm.backbones import ARCHS
from uniformer_mm.cli.names import read_names
from uniformer_mm.weights.catalogued import contradictions, known_head_dim
from uniformer_mm.weights.convert import TASKS, convert
from uniformer_mm.weights.files import (
    WeightFile,
    file_sha256,
    read_weights,
    write_weights,
)
from uniformer_mm.weights.identity import Identity
from uniformer_mm.weights.recognize import recognize
from uniformer_mm.weights.steps import permute_head
from uniformer_mm.weights.zoo import find_entry

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
        '--ema',
        action=argparse.BooleanOptionalAction,
        help='take the averaged or the raw weights; default: what the program '
        'that wrote the file would load',
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
    """Convert one file and print the report.

    Raises:
        ValueError: The file, its keys or the labels are not as they must be.
        OSError: A file can't be read or written.
    """
    if args.labels and args.task != 'action':
        raise ValueError(f'--labels needs --task action, got {args.task}')
    file = read_weights(args.src, ema=args.ema)
    identity = recognize(file.state, ARCHS)
    state, report = convert(file.state, args.task, identity=identity)
    head = ''
    if args.task == 'action':
        head = 'head: not permuted, no --labels given'
    if args.labels:
        ours, wanted = map(read_names, args.labels)
        state, step = permute_head(state, ours, wanted, 'cls_head.fc_cls.')
        report = report.then(step)
        if 'neck.head_cls.weight' in state:  # of a light model
            state, step = permute_head(state, ours, wanted, 'neck.head_cls.')
            report = report.then(step)
        permuted = 'permuted' if step.changed else 'in this order already'
        head = f'head: {permuted}'
    meta = _head_dim(file, identity)
    write_weights(state, args.dst, meta=meta)
    print(f'{args.src} ({file.origin}) -> {args.dst}: {report.summary()}')
    for source, rule in report.dropped.items():
        print(f'  dropped {source}: {rule}')
    for source, result in report.renamed.items():
        print(f'  renamed {source} -> {result}')
    if head:
        print(head)
    print(f'head_dim: {meta.get("head_dim", "not known")}')
    return 0


def _head_dim(file: WeightFile, identity: Identity) -> dict[str, int]:
    """Return what the file is to say of the ``head_dim``, if it is known."""
    entry = None
    # Several models under one file name.
    with contextlib.suppress(ValueError):
        entry = find_entry(file.path.name, file_sha256(file.path))
    if entry and contradictions(entry, identity):
        entry = None
    head_dim = known_head_dim(file, entry)
    return {'head_dim': head_dim} if head_dim else {}
