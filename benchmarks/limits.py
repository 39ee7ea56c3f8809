"""How near its limit a deployed model is, be its products large or narrow.

Usage: python -m benchmarks.limits [--measure] [--check]

The limit is the sum, over all operations, of what each takes at least by the
roofline, without any overhead (benchmarks/roofline_data/machine.csv, measured
on one thread). --measure times the models and
writes benchmarks/limits_data/times.csv. Then the section of docs/speed.md is
written, or with --check compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.bounds import Machine, read_machine
from benchmarks.cases import (
    CLASSES,
    DETECTION,
    LIGHT_CLIP,
    SEGMENTATION,
    Case,
)
from benchmarks.ceilings import measured
from benchmarks.modes import Models
from benchmarks.operations import trace
from benchmarks.page import DOCUMENT, case_cells, page_parser
from benchmarks.table import write_csv
from tools.csv_rows import read_columns
from tools.generated import markdown_table, write

__all__ = ['main', 'row', 'section']

DATA = Path(__file__).parent / 'limits_data/times.csv'
MACHINE = Path(__file__).parent / 'roofline_data/machine.csv'
TOOL = 'benchmarks.limits'
CASES = (
    Case('uniformer-xxs', CLASSES, 1),
    Case('uniformer-xs', CLASSES, 1),
    Case('uniformer-xs', SEGMENTATION, 1),
    Case('uniformer-xxs-video', LIGHT_CLIP, 1),
    Case('uniformer-s', CLASSES, 1),
    Case('uniformer-s-h14', DETECTION, 1),
)
COLUMNS = (
    *('machine', 'torch', 'model', 'batch', 'shape'),
    *('operations', 'flops', 'limit_s'),
    *('deployed_s', 'compiled_s', 'frozen_s'),
)
CPU = torch.device('cpu')
MODES = ('deployed', 'deployed+compiled', 'deployed+frozen')


def row(
    case: Case, machine: Machine, rounds: int, modes: Sequence[str] = MODES
) -> tuple[Any, ...]:
    """Time the deployed model of ``case``, compiled too, beside its limit."""
    # Past some graphs of one function torch runs it uncompiled.
    torch.compiler.reset()
    models = Models(case, CPU)
    x = models.input()
    calls = [models.call(models.build(mode), x) for mode in modes]
    for call in calls:
        call()
    seconds = measured(calls, rounds)
    work = trace(calls[0])
    ideal = replace(machine, overhead_s=0.0)
    return (
        *(machine.name, torch.__version__),
        *(case.model, case.batch, case.shape_name, len(work)),
        sum(each.flops for each in work),
        sum(ideal.seconds(each)[0] for each in work),
        *seconds,
    )


def rows(rounds: int) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each case."""
    machine = read_machine(MACHINE)
    for case in CASES:
        yield row(case, machine, rounds)


def section() -> str:
    """Return the section of the page, Markdown."""
    table = read_columns(DATA, COLUMNS)
    first = table[0]
    return '\n\n'.join(
        [
            f'{first["machine"]}, torch {first["torch"]}, float32, deployed; '
            'times of the process:',
            markdown_table(list(map(_line, table))),
        ]
    )


def _line(line: dict[str, str]) -> dict[str, str]:
    limit = float(line['limit_s'])
    forms = ('deployed', 'compiled', 'frozen')
    times = {form: float(line[f'{form}_s']) for form in forms}
    return {
        **case_cells(line),
        'operations': line['operations'],
        'GFLOPs': f'{float(line["flops"]) / 1e9:.1f}',
        'limit (ms)': f'{limit * 1e3:.3g}',
        **{f'{form} (ms)': f'{x * 1e3:.3g}' for form, x in times.items()},
        **{f'of it, {form}': f'{limit / x:.2f}' for form, x in times.items()},
    }


def main(words: Sequence[str] | None = None) -> int:
    """Measure and write; see the module docstring."""
    options = page_parser(TOOL, __doc__, 15).parse_args(words)
    torch.set_num_threads(options.threads)
    if options.measure:
        write_csv(DATA, COLUMNS, list(rows(options.rounds)))
    return write(DOCUMENT, TOOL, section(), options.check)


if __name__ == '__main__':
    raise SystemExit(main())
