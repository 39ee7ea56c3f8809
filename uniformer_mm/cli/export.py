"""``uniformer-mm export``: a model in a file that runs elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from uniformer_mm.cli.names import read_names
from uniformer_mm.cli.table import print_table
from uniformer_mm.runtimes import SUFFIXES

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'export',
        help='write a model as ONNX, OpenVINO, exported program, TorchScript',
        description='Write a model into a file that `uniformer-mm predict '
        '--weights FILE` and other programs run, and compare it with the '
        'model, on several sizes and batches. A file that is off is kept as '
        'OUT.failed, and the exit code is 1.',
    )
    parser.add_argument(
        'config', help='path, or name of `uniformer-mm config`'
    )
    parser.add_argument(
        'weights',
        help='name of `uniformer-mm weights`, path, URL or hf-hub:OWNER/NAME',
    )
    parser.add_argument('--format', choices=list(SUFFIXES), default='onnx')
    parser.add_argument(
        '--out',
        type=Path,
        help='default: named after the weights, in the working folder',
    )
    parser.add_argument(
        '--backbone', action='store_true', help='the backbone alone'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('H', 'W'),
        help='size that the graph is made with; default: that of the test '
        'pipeline',
    )
    parser.add_argument(
        '--fixed-size',
        action='store_true',
        help='take that size alone; batches stay free',
    )
    parser.add_argument(
        '--precision',
        choices=('fp32', 'bf16', 'int8'),
        default='fp32',
        help='bf16: OpenVINO; int8: ONNX and OpenVINO, with --pictures',
    )
    parser.add_argument(
        '--pictures',
        nargs='+',
        metavar='PICTURE',
        help='files, folders or globs (action: videos) to calibrate int8 '
        'with, and to compare on',
    )
    parser.add_argument(
        '--names', type=Path, help='text file with a class name per line'
    )
    parser.add_argument(
        '--tolerance',
        type=float,
        help='largest error over the largest value, of bf16 and int8 their '
        'root mean squares; default: 1e-4, of bf16 0.1, of int8 0.3',
    )
    parser.add_argument(
        '--ema',
        action=argparse.BooleanOptionalAction,
        help='take the averaged or the raw weights of a training file',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export, and print how far the file is from the model.

    Raises:
        ImportError: What writes or runs the format is missing.
        OSError: A file can't be read or written.
        ValueError: The model can't be exported, or the file is off.
    """
    from uniformer_mm.exporting import ParityError, export

    try:
        report = export(
            args.config,
            args.weights,
            format=args.format,
            out=args.out,
            backbone=args.backbone,
            size=args.size,
            fixed_size=args.fixed_size,
            precision=args.precision,
            pictures=args.pictures,
            names=args.names and read_names(args.names),
            tolerance=args.tolerance,
            ema=args.ema,
        )
    except ParityError as error:
        _print(error.report)
        raise
    _print(report)
    return 0


def _print(report: Any) -> None:
    rows = [
        (
            'x'.join(map(str, case.shape)),
            'picture' if case.picture else 'noise',
            name,
            f'{error.largest:.2e}',
            f'{error.relative:.2e}',
            f'{error.rms:.2e}',
            f'{case.agreed}/{case.compared}' if case.compared else '-',
        )
        for case in report.cases
        for name, error in case.errors.items()
    ]
    errors = ('error', 'relative', 'rms', 'same labels')
    print_table(('input', 'of', 'output', *errors), rows, numbers=errors)
    latency = report.latency
    print(
        f'{report.file} ({report.format}, {report.precision}): '
        f'{report.measure} error {report.error:.1e}, at most '
        f'{report.tolerance:.0e}; '
        f'{latency.file_ms:.1f} ms, torch {latency.torch_ms:.1f} ms for '
        f'{"x".join(map(str, latency.shape))} on {latency.threads} threads'
    )
