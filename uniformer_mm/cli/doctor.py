"""``uniformer-mm doctor``: what is installed, what works, and what to do."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, astuple
from typing import Any

from rich.console import Console

from uniformer_mm.cli.table import print_table
from uniformer_mm.doctor.facts import gather
from uniformer_mm.doctor.report import report

__all__ = ['add_parser', 'run']

STYLES = {'FAIL': 'bold red', 'warn': 'yellow'}


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'doctor',
        help='say what is installed, what works, and what to do',
        description='Takes about ten seconds. The exit code is 1 if the '
        "suite can't run: torch, mmengine, mmcv or uniformer_mm does not "
        'work, an installed host does not import, or there is no host.',
    )
    parser.add_argument(
        '--all',
        action='store_true',
        help='also list the known breakages that do not occur here',
    )
    parser.add_argument(
        '--json', action='store_true', help='all of it, for bug reports'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; return 1 if the suite can't run, else 0."""
    with Console(stderr=True).status('using each module once'):
        facts = gather()
    rows = report(facts)
    fails = [row.name for row in rows if row.status == 'FAIL']
    code = int(bool(fails))
    if args.json:
        lines = [asdict(row) for row in rows]
        content = {'facts': asdict(facts), 'rows': lines, 'exit_code': code}
        print(json.dumps(content, indent=2))
        return code
    shown = [row for row in rows if args.all or row.status != 'clear']
    titles = ('status', 'what', 'version', 'text')
    print_table(titles, map(astuple, shown), styles=STYLES)
    verdict = f"can't run here: {', '.join(fails)}" if fails else 'can run'
    print(f'\nThe suite {verdict}.')
    return code
