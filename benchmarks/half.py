"""bf16 on a CPU: how fast, and how far off.

Usage: python -m benchmarks.half [--measure] [--check]

--measure times deployed models in float32 and in bf16 in turns, and compares
both with the golden cases; it writes benchmarks/half_data. Then the section of
docs/speed.md is written, or with --check compared.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases import CLASSES, DETECTION, SEGMENTATION, Case
from benchmarks.ceilings import measured
from benchmarks.machine import device_name
from benchmarks.modes import Models
from benchmarks.page import DOCUMENT, case_cells, measured_on, page_parser
from benchmarks.table import write_csv
from tests.support.golden import CASES as GOLDEN
from tests.support.golden import GoldenCase, build
from tools.csv_rows import read_columns
from tools.generated import markdown_table, write
from uniformer_mm import deploy

HERE = Path(__file__).parent / 'half_data'
TOOL = 'benchmarks.half'
TIMED = (
    Case('uniformer-s', CLASSES, 1),
    Case('uniformer-s-h14', SEGMENTATION, 1),
    Case('uniformer-s-h14', DETECTION, 1),
)
FORMS = {'float32': None, 'bf16': torch.bfloat16}
TIME_COLUMNS = (
    *('machine', 'torch', 'threads', 'model', 'batch', 'shape'),
    *(f'{form}_s' for form in FORMS),
)
ERROR_COLUMNS = ('golden', 'output', *FORMS)


def times(rounds: int) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each timed case."""
    for case in TIMED:
        models = Models(case, torch.device('cpu'))
        calls = [
            models.call(
                deploy(copy.deepcopy(models.plain), dtype=dtype),
                models.input(),
            )
            for dtype in FORMS.values()
        ]
        for call in calls:
            call()  # which packs weights
        yield (
            device_name(torch.device('cpu')),
            torch.__version__,
            torch.get_num_threads(),
            *(case.model, case.batch, case.shape_name),
            *measured(calls, rounds),
        )


@torch.no_grad()
def errors() -> Iterator[tuple[Any, ...]]:
    """Yield a row for each output of each golden case.

    The largest error of the stored samples over their largest value.
    """
    for name in GOLDEN:
        case = GoldenCase(name)
        model = build(case).eval()
        outs = [
            _outputs(deploy(model, inplace=False, dtype=dtype), case.input())
            for dtype in FORMS.values()
        ]
        for i, forms in enumerate(zip(*outs, strict=True)):
            key = f'eval{i}'
            yield name, i, *(case.relative_error(key, y) for y in forms)


def _outputs(model: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    y: Any = model(x)
    return (y,) if isinstance(y, Tensor) else tuple(y)


def section() -> str:
    """Return the section of the page, Markdown."""
    timed = read_columns(HERE / 'times.csv', TIME_COLUMNS)
    found = read_columns(HERE / 'errors.csv', ERROR_COLUMNS)
    worst: dict[str, dict[str, str]] = {}
    for row in found:
        line = worst.setdefault(row['golden'], {'golden case': row['golden']})
        for form in FORMS:
            most = max(float(row[form]), float(line.get(form, 0)))
            line[form] = f'{most:.1g}'
    return '\n\n'.join(
        [
            f'{measured_on(timed[0])}; times of the process, on a machine in '
            'use:',
            markdown_table(list(map(_line, timed))),
            'Largest error over the largest value, the worst output of each '
            'golden case (weights are made up, not trained):',
            markdown_table(list(worst.values())),
        ]
    )


def _line(row: dict[str, str]) -> dict[str, str]:
    full, half = (float(row[f'{form}_s']) for form in FORMS)
    return {
        **case_cells(row),
        'float32 (ms)': f'{full * 1e3:.3g}',
        'bf16 (ms)': f'{half * 1e3:.3g}',
        'times as fast': f'{full / half:.2f}',
    }


def main(words: Sequence[str] | None = None) -> int:
    """Measure and write; see the module docstring."""
    options = page_parser(TOOL, __doc__, 7).parse_args(words)
    torch.set_num_threads(options.threads)
    if options.measure:
        write_csv(HERE / 'errors.csv', ERROR_COLUMNS, list(errors()))
        table = list(times(options.rounds))
        write_csv(HERE / 'times.csv', TIME_COLUMNS, table)
    return write(DOCUMENT, TOOL, section(), options.check)


if __name__ == '__main__':
    raise SystemExit(main())
