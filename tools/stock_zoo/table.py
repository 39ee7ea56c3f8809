"""Write docs/stock-zoo.md: what of the hosts runs, and what does not.

Usage: python -m tools.stock_zoo.table [--check]
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from tools.generated import markdown_table, run
from tools.stock_zoo.results import Case, Row, read_cases, read_rows
from uniformer_mm.hosts import HOSTS

__all__ = ['PAGE', 'TOOL', 'page']

PAGE = Path(__file__).parents[2] / 'docs/stock-zoo.md'
TOOL = 'tools.stock_zoo.table'
STATUSES = ('ok', 'tied', 'refused', 'lacks', 'failed', 'skipped')


def page(cases: Sequence[Case], rows: Sequence[Row]) -> str:
    """What stands between the marks: counts, families, and causes."""
    order = {case.name: i for i, case in enumerate(cases)}
    rows = sorted(
        (row for row in rows if row.name in order),
        key=lambda row: order[row.name],
    )
    parts = [
        _when(cases, rows),
        _summary(rows),
        'The same by families, each as the best of its configs:',
        _summary_of_families(rows),
    ]
    for host, group in groupby(rows, attrgetter('host')):
        of_host = list(group)
        parts += [f'## {host}', _families(of_host)]
        causes = _causes(of_host)
        if causes:
            parts += ['What does not run as it is:', causes]
    return '\n\n'.join(parts)


def _when(cases: Sequence[Case], rows: Sequence[Row]) -> str:
    days = sorted({row.date for row in rows})
    torches = ', '.join(sorted({row.torch for row in rows}))
    span = ' to '.join(dict.fromkeys((days[0], days[-1])))
    text = f'{len(rows)} configs, run {span} with torch {torches}.'
    left = len(cases) - len(rows)
    return f'{text} {left} of the list have not been run.' if left else text


def _summary(rows: Iterable[Row]) -> str:
    lines = []
    for host in HOSTS:
        of_host = [row for row in rows if row.host == host]
        for side in ('stock', 'ours') if of_host else ():
            counts = Counter(getattr(row, side) for row in of_host)
            lines.append(
                {
                    'host': host,
                    'backbone': side,
                    'configs': str(len(of_host)),
                    **{s: str(counts[s] or '') for s in STATUSES},
                }
            )
    return markdown_table(lines)


def _summary_of_families(rows: Iterable[Row]) -> str:
    lines = []
    for host, of_host in groupby(rows, attrgetter('host')):
        families: dict[str, list[Row]] = {}
        for row in of_host:
            families.setdefault(row.family, []).append(row)
        run = [
            {row.ours for row in of_family}
            for of_family in families.values()
            if any(row.stock == 'ok' for row in of_family)
        ]
        counts = Counter(
            next((s for s in ('ok', 'tied') if s in ours), 'neither')
            for ours in run
        )
        lines.append(
            {
                'host': host,
                'families': str(len(families)),
                'stock ok': str(len(run)),
                'of them ours ok': str(counts['ok']),
                'tied': str(counts['tied']),
                'neither': str(counts['neither']),
            }
        )
    return markdown_table(lines)


def _families(rows: Iterable[Row]) -> str:
    lines = []
    for family, group in groupby(rows, attrgetter('family')):
        of_family = list(group)
        lines.append(
            {
                'family': family,
                'configs': str(len(of_family)),
                'stock': _counts(row.stock for row in of_family),
                'ours': _counts(row.ours for row in of_family),
            }
        )
    return markdown_table(lines)


def _counts(statuses: Iterable[str]) -> str:
    """``ok`` where all are; else how many are what."""
    counts = Counter(statuses)
    if len(counts) == 1:
        return next(iter(counts))
    return ', '.join(f'{counts[s]} {s}' for s in STATUSES if counts[s])


def _causes(rows: Iterable[Row]) -> str:
    """An item per config that has a cause, with each side that has one."""
    return '\n'.join(
        f'- `{row.config}`: {"; ".join(sides)}'
        for row in rows
        if (sides := _sides(row))
    )


def _sides(row: Row) -> list[str]:
    """What is said of one or both backbones."""
    stock, ours = (row.stock, row.stock_cause), (row.ours, row.ours_cause)
    if stock == ours:
        named = {'both': stock}
    else:
        named = {'stock': stock, 'ours': ours}
    return [
        f'{name} {status}, `{cause.replace("`", "")}`'
        for name, (status, cause) in named.items()
        if cause
    ]


if __name__ == '__main__':
    sys.exit(run(PAGE, TOOL, page(read_cases(), read_rows())))
