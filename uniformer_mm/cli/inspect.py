"""``uniformer-mm inspect``: what is in a weight file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from uniformer_mm.backbones import ARCHS
from uniformer_mm.weights.catalogued import (
    contradictions,
    head_dim_hint,
    known_head_dim,
)
from uniformer_mm.weights.convert import TASKS, convert
from uniformer_mm.weights.files import file_sha256, read_weights
from uniformer_mm.weights.identity import describe
from uniformer_mm.weights.recognize import recognize
from uniformer_mm.weights.zoo import find_entry

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'inspect', help='say what a weight file is and what would load'
    )
    parser.add_argument('file', type=Path)
    parser.add_argument(
        '--ema',
        action=argparse.BooleanOptionalAction,
        help='look at the averaged or the raw weights; default: what the '
        'program that wrote the file would load',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what the file is, and per task what would become of its keys.

    Raises:
        ValueError: It is no weight file, or no UniFormer.
        OSError: It can't be read.
    """
    file = read_weights(args.file, ema=args.ema)
    identity = recognize(file.state, ARCHS)
    entry = find_entry(args.file.name, file_sha256(args.file))
    head_dim = known_head_dim(file, entry)
    print(f'{args.file}: {len(file.state)} tensors under {file.wrapper!r}')
    for note in file.notes:
        print(f'  {note}')
    if not file.checked:
        print('  without checksums: a damaged value would not be seen')
    print(describe(identity))
    if entry:
        print(f'catalogue: {entry.name}, head_dim {entry.head_dim}')
        wrong = contradictions(entry, identity)
        if wrong:
            print(f'but it is another model under that name: {wrong}')
    elif head_dim:
        print(f'catalogue: not known by this file name; head_dim {head_dim}')
    else:
        hint = head_dim_hint(identity) or 'no file of this variant'
        print(
            "catalogue: not known by this file name; head_dim can't be seen "
            f'in weights: check where it comes from (known files: {hint})'
        )
    for task in TASKS:
        try:
            _, report = convert(file.state, task, identity=identity)
            print(f'as {task}: {report.summary()}')
        except ValueError as error:
            print(f'as {task}: no, {error}')
    return 0
