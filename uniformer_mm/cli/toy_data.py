"""``uniformer-mm toy-data``: draw the small data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from uniformer_mm.toy_data import CLASSES, ToyDataSpec, make_toy_data

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'toy-data', help='draw a small COCO-format data set of shapes'
    )
    default = ToyDataSpec()
    parser.add_argument('root', type=Path, help='folder to make')
    parser.add_argument('--train', type=int, default=default.train)
    parser.add_argument('--val', type=int, default=default.val)
    parser.add_argument(
        '--size', type=int, default=default.size, help='image side in pixels'
    )
    parser.add_argument('--seed', type=int, default=default.seed)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw the data set, or say that it is there."""
    spec = ToyDataSpec(args.train, args.val, args.size, args.seed)
    made = make_toy_data(args.root, spec)
    print(
        f'{"made" if made else "kept"} {args.root}: {spec.train} training and '
        f'{spec.val} validation images of {spec.size} px, classes '
        f'{", ".join(CLASSES)}'
    )
    return 0
