"""``uniformer-mm verify``: a published file against the paper."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mmengine import DictAction

from uniformer_mm.cli.names import read_names
from uniformer_mm.cli.table import print_table
from uniformer_mm.verify import verify
from uniformer_mm.verify.check import Finding

__all__ = ['add_parser', 'run']

NUMBERS = ('paper', 'measured', 'difference')


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'verify',
        help="check published weights against the paper's figures",
        description='Fetch a file, load it strictly into the model that the '
        'paper tested, compare parameters and FLOPs and, with the data there, '
        "run the host's test. The exit code is 1 if a figure is wrong.",
    )
    parser.add_argument('name', help='as uniformer-mm weights lists it')
    parser.add_argument(
        '--data',
        type=Path,
        metavar='DIR',
        help="the data set's folder, laid out as below data_root of the "
        'config; without it nothing is tested',
    )
    parser.add_argument('--device', default='cpu', help='such as cuda:0')
    parser.add_argument(
        '--labels',
        type=Path,
        nargs=2,
        metavar=('FROM', 'TO'),
        help='class names, one per line, in the order of the file and in that '
        'of the data set (the Kinetics models of the authors)',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='changes of the config, such as test_dataloader.batch_size=32',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a row per figure.

    Raises:
        ImportError, OSError, ValueError: As ``verify``.
    """
    labels = args.labels and tuple(map(read_names, args.labels))
    findings = list(
        verify(
            args.name,
            args.data,
            device=args.device,
            labels=labels,
            options=args.cfg_options,
        )
    )
    print_table(
        ('config', 'figure', *NUMBERS, 'verdict'),
        map(_row, findings),
        numbers=NUMBERS,
    )
    if any(finding.verdict == 'not tested' for finding in findings):
        print('the weights fit; give --data DIR to test them')
    return _exit_code(findings)


def _row(finding: Finding) -> tuple[str, ...]:
    measured = difference = ''
    if finding.measured is not None:
        measured = f'{finding.measured:.2f}'
        # No -0.00, which is a hair of rounding.
        difference = f'{round(finding.measured - finding.paper, 2) + 0:+.2f}'
    return (
        finding.config,
        finding.what,
        f'{finding.paper:g}',
        measured,
        difference,
        finding.verdict,
    )


def _exit_code(findings: list[Finding]) -> int:
    """1 if a figure is wrong; of statistics to choose from, if all are."""
    right: dict[tuple[str, str], bool] = {}
    for finding in findings:
        key = finding.config, finding.what.partition(',')[0]
        good = finding.verdict != 'wrong'
        right[key] = right.get(key, False) or good
    return 0 if all(right.values()) else 1
