"""Run the hosts' own configs, with their backbones and with ours.

Usage: python -m tools.stock_zoo [--host HOST] [--only PATTERN ...]
       [--resume] [--jobs N] [--timeout SECONDS] [--memory GIB] [--out CSV]

Each config of tools/stock_zoo/configs.csv is built, trained for one step and
asked for one prediction, on small random inputs, with its own backbone and
with ours, each in a process with a limit. Its row goes to --out as soon as it
is known, and replaces the one that is there; with --resume, what has a row is
left out. The exit code is 1 where what is ok in tools/stock_zoo/results.csv is
not ok any more. `python -m tools.stock_zoo.table` writes docs/stock-zoo.md
from that file.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from tools.csv_rows import append_row, write_rows
from tools.stock_zoo.results import RESULTS, Row, read_cases, read_rows
from tools.stock_zoo.sweep import Limits, sweep
from uniformer_mm.hosts import HOSTS


def main(argv: list[str] | None = None) -> int:
    """Be the command; see the module docstring."""
    parser = argparse.ArgumentParser(
        prog='python -m tools.stock_zoo',
        description=__doc__.partition('\n')[0],
    )
    limits = Limits()
    add = parser.add_argument
    add('--host', choices=list(HOSTS))
    add(
        '--only',
        nargs='+',
        default=['*'],
        metavar='PATTERN',
        help='mmdet::yolo*',
    )
    add('--resume', action='store_true')
    add('--jobs', type=int, default=limits.jobs)
    add('--timeout', type=float, default=limits.seconds, metavar='SECONDS')
    add('--memory', type=float, default=limits.gib, metavar='GIB')
    add('--out', type=Path, default=RESULTS, metavar='CSV')
    args = parser.parse_args(argv)
    if min(args.jobs, args.timeout, args.memory) <= 0:
        parser.error('--jobs, --timeout and --memory must be above 0')
    cases = [
        case
        for case in read_cases()
        if args.host in (None, case.host)
        and any(fnmatch.fnmatchcase(case.name, p) for p in args.only)
    ]
    if not cases:
        parser.error(f'no config fits {args.only!r}')
    known = {row.name: row for row in read_rows()}
    if args.resume:
        done = {row.name for row in read_rows(args.out)}
        cases = [case for case in cases if case.name not in done]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    worse = []
    for _, group in groupby(cases, attrgetter('host')):
        for row in sweep(group, Limits(args.timeout, args.memory, args.jobs)):
            append_row(args.out, row)
            print(told(row), flush=True)
            worse += [row.name] if is_worse(row, known.get(row.name)) else []
    rows = {row.name: row for row in read_rows(args.out)}
    names = [case.name for case in read_cases()]
    write_rows(args.out, Row, [rows[name] for name in names if name in rows])
    for name in worse:
        sys.stderr.write(f'{name} was ok, and is not\n')
    return 1 if worse else 0


def told(row: Row) -> str:
    """A line on a row."""
    causes = ' / '.join(dict.fromkeys((row.stock_cause, row.ours_cause)))
    end = f' ({causes})' if causes.strip(' /') else ''
    return f'{row.name}: {row.stock}, ours {row.ours}{end}'


def is_worse(row: Row, known: Row | None) -> bool:
    """Whether a side that was ok is not."""
    return known is not None and any(
        getattr(known, side) == 'ok' != getattr(row, side)
        for side in ('stock', 'ours')
    )


if __name__ == '__main__':
    sys.exit(main())
