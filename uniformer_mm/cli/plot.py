"""``uniformer-mm plot``: curves of one or several trainings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from uniformer_mm.analysis.curves import draw_curves, sparkline
from uniformer_mm.analysis.training_log import Curve, read_log
from uniformer_mm.cli.table import print_table

__all__ = ['add_parser', 'run']

FORMATS = ('.png', '.svg', '.pdf')


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'plot',
        help='show the curves of trainings',
        description='Print first and last values of what MMEngine logged, '
        'and draw it. Resumed trainings are joined.',
    )
    parser.add_argument('work_dirs', type=Path, nargs='+', metavar='WORKDIR')
    parser.add_argument(
        '--keys',
        nargs='+',
        metavar='KEY',
        help='such as loss, loss_rpn_cls, coco/bbox_mAP; by default loss, '
        'the main metrics, learning rate, gradient norm and memory',
    )
    parser.add_argument(
        '--out', type=Path, help=f'picture to write: {", ".join(FORMATS)}'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a row per training and key, and write the picture.

    Raises:
        OSError: Nothing was logged, or the picture can't be written.
        ValueError: Unknown key or format, or a damaged log.
    """
    if args.out and args.out.suffix not in FORMATS:
        raise ValueError(
            f'--out must end in one of {", ".join(FORMATS)}, got {args.out}'
        )
    logs = [read_log(work_dir) for work_dir in args.work_dirs]
    main = [key for log in logs for key in log.main_keys()]
    keys = list(dict.fromkeys(args.keys or main))
    known = sorted({key for log in logs for key in log.curves})
    for key in keys:
        if key not in known:
            raise ValueError(f'--keys must be among {known}, got {key!r}')
    titles = ('training', 'key', 'to step', 'first', 'last', 'least', 'most')
    print_table(
        (*titles, 'curve'),
        [
            _row(log.name, key, log.curves[key])
            for log in logs
            for key in keys
            if key in log.curves
        ],
        numbers=titles[2:],
    )
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        draw_curves(logs, keys).savefig(args.out, dpi=150)
        print(f'drawn: {args.out}')
    return 0


def _row(name: str, key: str, curve: Curve) -> tuple[str, ...]:
    finite = curve.finite or (float('nan'),)
    values = (curve.values[0], curve.values[-1], min(finite), max(finite))
    bars = sparkline(curve)
    encoding = sys.stdout.encoding or 'ascii'
    try:
        bars.encode(encoding)
    except UnicodeEncodeError:
        bars = ''
    return (
        name,
        key,
        str(curve.steps[-1]),
        *(f'{value:.4g}' for value in values),
        bars,
    )
