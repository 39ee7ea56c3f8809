"""``uniformer-mm doctor``: what is installed, what works, and what to do."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from uniformer_mm.cli.breakages import (
    KNOWN,
    Facts,
    release,
    why_off,
)
from uniformer_mm.cli.extras import EXTRAS
from uniformer_mm.cli.facts import HOSTS, MODULES, gather

__all__ = ['Row', 'add_parser', 'report', 'run']

REQUIRED = ('torch', 'numpy', 'mmengine', 'mmcv', 'uniformer_mm')


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Attributes:
        status: ``'FAIL'`` (the suite cannot run), ``'warn'``, ``'info'``,
            ``'ok'``, ``'absent'``; ``'on'``, ``'off'`` for replacements;
            ``'clear'`` for a known breakage that does not occur.
        name: Module, replacement or known breakage.
        version: Installed version, ``''`` if there is none.
        text: What was found and, if something is wrong, the fix.
    """

    status: str
    name: str
    version: str
    text: str


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'doctor',
        help='say what is installed, what works, and what to do',
        description='Takes about half a minute. The exit code is 1 if the '
        'suite cannot run: torch, mmengine, mmcv or uniformer_mm does not '
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
    """Print the report; return 1 if the suite cannot run, else 0."""
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
    _print_table([row for row in rows if args.all or row.status != 'clear'])
    verdict = f'cannot run here: {", ".join(fails)}' if fails else 'can run'
    print(f'\nThe suite {verdict}.')
    return code


def report(facts: Facts) -> list[Row]:
    """Turn facts into the lines of the report, problems first."""
    rows = [Row('ok', 'python', facts.python, '')]
    rows += [_module_row(module, facts) for module in MODULES]
    if not any(host in facts.errors for host in HOSTS):
        text = (
            "none is installed: pip install 'uniformer_mm[det]' (or seg, "
            'pose, action)'
        )
        rows.append(Row('FAIL', 'hosts', '', text))
    rows += _replacement_rows(facts)
    told = {_cause(error, facts)[0] for error in facts.errors.values()}
    for breakage in KNOWN:
        advice = breakage.find(facts)
        if advice and breakage.name not in told:
            status = 'warn' if breakage.is_problem else 'info'
            rows.append(Row(status, breakage.name, '', advice))
        elif not advice:
            rows.append(Row('clear', breakage.name, '', 'does not occur'))
    order = {'FAIL': 0, 'warn': 1}
    return sorted(rows, key=lambda row: order.get(row.status, 2))


def _cause(error: str, facts: Facts) -> tuple[str, str]:
    """Return name and advice of the breakage that explains ``error``."""
    for breakage in KNOWN:
        if breakage.symptom and re.search(breakage.symptom, error):
            advice = breakage.find(facts)
            if advice:
                return breakage.name, advice
    return '', 'Not a known breakage: report it with doctor --json.'


def _module_row(module: str, facts: Facts) -> Row:
    names = [name for name in MODULES[module] if name in facts.versions]
    found = ', '.join(
        facts.versions[name] + (f' ({name})' if name != module else '')
        for name in names
    )
    error = facts.errors.get(module)
    vital = module in REQUIRED
    if error is None:
        extra = EXTRAS.get(module)
        what = f"'uniformer_mm[{extra}]'" if extra else MODULES[module][0]
        text = f'not installed: pip install {what}'
        return Row('FAIL' if vital else 'absent', module, found, text)
    if error:
        text = f'{error}. {_cause(error, facts)[1]}'
        status = 'FAIL' if vital or module in HOSTS else 'warn'
        return Row(status, module, found, text)
    text = {
        'torch': f'computes on {facts.gpu or "the CPU"}',
        'mmcv': 'nms works, with ops '
        + ('of uniformer_mm' if 'mmcv._ext' in facts.replaced else 'compiled'),
        'uniformer_mm': "imports, and loads MMEngine's checkpoints",
    }.get(module, f'{module}.models imports' if module in HOSTS else 'imports')
    return Row('ok', module, found, text)


def _replacement_rows(facts: Facts) -> list[Row]:
    mmcv = next((n for n in MODULES['mmcv'] if n in facts.versions), 'mmcv')
    reasons = {
        'mmcv._ext': f'{mmcv} has no compiled ops',
        'mmaction.models.localizers.drn': "mmaction2's wheel lacks it",
    }
    rows = []
    for name, reason in reasons.items():
        owner = name.partition('.')[0]
        status = 'off'
        if owner not in facts.errors:
            text = f'not needed: {owner} is not installed'
        elif name in facts.replaced:
            status, text = 'on', f'from uniformer_mm, because {reason}'
        elif not facts.errors[owner]:
            text = f'not needed: {owner} has its own'
        else:
            text = why_off(facts)[0] or f'{owner} fails before it is needed'
        short = '.'.join(name.split('.')[-2:])
        rows.append(Row(status, short, '', text))
    torch = facts.versions.get('torch', '')
    status, text = 'on', 'set by uniformer_mm, because torch refuses them'
    if torch and release(torch) < (2, 6):
        status, text = 'off', 'not needed: torch < 2.6 does not check types'
    elif facts.errors.get('uniformer_mm', 'not installed'):
        status, text = 'off', 'uniformer_mm does not work'
    return [*rows, Row(status, 'types in checkpoints', '', text)]


def _print_table(rows: list[Row]) -> None:
    """Print one line per row, wrapped and coloured on terminals alone."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    table = Table(box=None, pad_edge=False)
    for title in ('status', 'what', 'version', 'text'):
        # A command cut short is of no use.
        table.add_column(title, overflow='fold')
    styles = {'FAIL': 'bold red', 'warn': 'yellow'}
    for row in rows:
        cells = (row.status, row.name, row.version, row.text)
        table.add_row(*cells, style=styles.get(row.status))
    with console.capture() as captured:
        console.print(table)
    # rich pads every line to the longest.
    print('\n'.join(line.rstrip() for line in captured.get().splitlines()))
