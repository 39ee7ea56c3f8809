"""``uniformer-mm weights``: the catalogue of published weights."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from uniformer_mm.cli.table import print_table
from uniformer_mm.weights.zoo import ZOO, ZooEntry

__all__ = ['add_parser', 'run']

COLUMNS = ('name', 'arch', 'head_dim', 'task', 'classes', 'from', 'note')


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'weights',
        help='list the published weights',
        description='What is "by hand" has only a link for browsers: '
        'uniformer-mm download NAME tells it.',
    )
    for key in ('task', 'arch'):
        choices = sorted({getattr(entry, key) for entry in ZOO.values()})
        parser.add_argument(
            f'--{key}', choices=choices, help=f'only those of this {key}'
        )
    parser.add_argument(
        '--json', action='store_true', help='all that is known, for programs'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the catalogue, or the part that was asked for."""
    entries = [
        entry
        for entry in ZOO.values()
        if args.task in (None, entry.task) and args.arch in (None, entry.arch)
    ]
    if args.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2))
        return 0
    print_table(COLUMNS, map(_cells, entries))
    return 0


def _cells(entry: ZooEntry) -> tuple[str, ...]:
    return (
        entry.name,
        entry.arch,
        str(entry.head_dim),
        entry.task,
        entry.class_order,
        urlsplit(entry.url).hostname or 'by hand',
        entry.note,
    )
