"""Small inputs: how fast beside the official form and beside a GEMM.

Usage: python -m benchmarks.small [--measure] [--check] [--threads N]

--measure times the forms and two large matrix products in turns and writes
benchmarks/small_data/times.csv. Then the section of docs/speed.md is written,
or with --check compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import CLASSES, POSE, Case
from benchmarks.ceilings import measured
from benchmarks.machine import device_name
from benchmarks.measure import GEMM_SIZE, count_flops, large_gemm
from benchmarks.modes import BASELINE, Models
from benchmarks.page import DOCUMENT, case_cells, measured_on, page_parser
from benchmarks.table import write_csv
from tools.csv_rows import read_columns
from tools.generated import markdown_table, write
from uniformer_mm.fast.linear import multiply_by, pack_weight

__all__ = ['main', 'section']

DATA = Path(__file__).parent / 'small_data/times.csv'
TOOL = 'benchmarks.small'
CASES = (
    Case('uniformer-s', CLASSES, 1),
    Case('uniformer-s', POSE, 8),
    Case('uniformer-xxs', CLASSES, 1),
    Case('uniformer-s', CLASSES, 1, 'training'),
    Case('uniformer-s', POSE, 2, 'training'),
)
MODES = (BASELINE, 'eager', 'deployed')
GEMMS = ('torch', 'oneDNN')
COLUMNS = (
    *('machine', 'torch', 'threads'),
    *('model', 'batch', 'shape', 'direction', 'flops'),
    *(f'{mode}_s' for mode in MODES),
    *(f'{gemm}_flop_per_s' for gemm in GEMMS),
)
CPU = torch.device('cpu')


def times(rounds: int) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each case."""
    size = GEMM_SIZE['cpu']
    x = torch.rand(size, size)
    weight = pack_weight(torch.rand(size, size), size)
    for case in CASES:
        models = Models(case, CPU)
        modes = [mode for mode in MODES if models.applies(mode)]
        calls = [
            models.call(models.build(mode), models.input()) for mode in modes
        ]
        gemm, flops = large_gemm(case, CPU)
        calls += [gemm, lambda: multiply_by(weight, x, None)]
        for call in calls:
            call()
        *taken, torch_s, onednn_s = measured(calls, rounds)
        missing = [None] * (len(MODES) - len(modes))
        yield (
            *(device_name(CPU), torch.__version__, torch.get_num_threads()),
            *(case.model, case.batch, case.shape_name, case.direction),
            *(count_flops(case), *taken, *missing),
            *(flops / torch_s, flops / onednn_s),
        )


def section() -> str:
    """Return the section of the page, Markdown."""
    rows = read_columns(DATA, COLUMNS)
    first = rows[0]
    clock = 'the process, on a machine in use'
    if int(first['threads']) > 1:
        clock = 'the clock on the wall'
    return '\n\n'.join(
        [
            f'{measured_on(first)}; times of {clock}:',
            markdown_table(list(map(_line, rows))),
        ]
    )


def _line(row: dict[str, str]) -> dict[str, str]:
    official = float(row[f'{BASELINE}_s'])
    best = float(row['deployed_s'] or row['eager_s'])
    line = {
        **case_cells(row),
        'pass': row['direction'],
        'official (ms)': f'{official * 1e3:.3g}',
    }
    for mode in MODES[1:]:
        seconds = row[f'{mode}_s']
        ratio = f'{official / float(seconds):.2f}' if seconds else ''
        line[f'{mode}, times as fast'] = ratio
    for gemm in GEMMS:
        share = float(row['flops']) / best / float(row[f'{gemm}_flop_per_s'])
        line[f"the last, of {gemm}'s GEMM"] = f'{share:.2f}'
    return line


def main(words: Sequence[str] | None = None) -> int:
    """Measure and write; see the module docstring."""
    options = page_parser(TOOL, __doc__, 15).parse_args(words)
    torch.set_num_threads(options.threads)
    if options.measure:
        write_csv(DATA, COLUMNS, list(times(options.rounds)))
    return write(DOCUMENT, TOOL, section(), options.check)


if __name__ == '__main__':
    raise SystemExit(main())
