"""Whole models: the time of a training step and a prediction, by part.

Usage: python -m benchmarks.parts [--measure] [--device cuda] [--check]

--measure times the parts of a config of each host, on the toy data set, and
beside them, in turns, the same model as torch and torchvision compute it; rows
of this machine in benchmarks/parts_data are replaced. Then the section of
docs/speed.md is written, or with --check compared.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.machine import device_name
from benchmarks.page import DOCUMENT, measured_on, page_parser
from benchmarks.part_clock import PARTS, Clock, watch
from benchmarks.table import write_csv
from benchmarks.timing import synchronizer
from tools.csv_rows import read_columns
from tools.generated import markdown_table, write

if TYPE_CHECKING:
    from benchmarks.whole_models import WholeCase, WholeModel

RESULTS = Path(__file__).parent / 'parts_data/parts.csv'
TOOL = 'benchmarks.parts'
KEY = ('machine', 'torch', 'threads', 'host', 'config', 'input', 'pass')
COLUMNS = (*KEY, *(f'{part}_s' for part in PARTS), 'plain_s', 'products')
# What multiplies matrices or convolves, forwards or backwards.
PRODUCTS = re.compile(
    r'(aten|mkldnn)::_?(mm|addmm|bmm|baddbmm|linear_pointwise'
    r'|(mkldnn_|cudnn_|slow_)?conv(olution|\d)|scaled_dot_product|'
    r'(flash|efficient)_attention)'
)
MACHINE = ('machine', 'torch', 'threads')


def measure(
    cases: Sequence[WholeCase], device: torch.device, rounds: int
) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each case and pass."""
    from benchmarks.whole_models import WholeModel

    for case in cases:
        whole = WholeModel(case, device)
        clock = Clock(_now(device))
        watch(whole.model, whole.optim_wrapper, clock)
        for training in (True, False):
            parts, plain_s = _times(whole, clock, training, rounds)
            yield (
                device_name(device),
                torch.__version__,
                torch.get_num_threads(),
                *(case.host, case.name, whole.input),
                'training' if training else 'prediction',
                *(parts.get(part) for part in PARTS),
                plain_s,
                _share_of_products(whole, training, device),
            )


def _now(device: torch.device) -> Any:
    """Return a clock; of this process alone where it has but one thread."""
    if device.type == 'cpu' and torch.get_num_threads() == 1:
        return time.process_time
    synchronize = synchronizer(device)

    def now() -> float:
        synchronize()
        return time.perf_counter()

    return now


def _times(
    whole: WholeModel, clock: Clock, training: bool, rounds: int
) -> tuple[dict[str, float], float]:
    """Return the medians of the parts, and of all of the plain form."""
    taken: list[dict[str, float]] = []
    usual: list[float] = []
    for i in range(rounds + 1):
        for is_plain in (False, True):
            clock.seconds.clear()
            with whole.as_plain() if is_plain else nullcontext():
                with clock.part('data'):
                    batch = whole.batch(training)
                whole.run(batch, training)
            if i == 0:  # warms up
                continue
            if is_plain:
                usual.append(sum(clock.seconds.values()))
            else:
                taken.append(dict(clock.seconds))
    parts = {part for one in taken for part in one}
    medians = {
        part: float(np.median([one.get(part, 0.0) for one in taken]))
        for part in parts
    }
    return medians, float(np.median(usual))


def _share_of_products(
    whole: WholeModel, training: bool, device: torch.device
) -> float:
    """Return what share of the time operations that multiply matrices take."""
    batch = whole.batch(training)
    kinds = [ProfilerActivity.CPU]
    if device.type == 'cuda':
        kinds.append(ProfilerActivity.CUDA)
    with profile(activities=kinds) as record:
        whole.run(batch, training)
    # Kernels of a GPU are listed beside the operations that launch them.
    time_of = 'self_cpu_time_total'
    if device.type == 'cuda':
        time_of = 'self_device_time_total'
    times = {
        event.key: getattr(event, time_of)
        for event in record.key_averages()
        if event.device_type.name == 'CPU'
    }
    products = sum(t for key, t in times.items() if PRODUCTS.match(key))
    return float(products / sum(times.values()))


def section() -> str:
    """Return the section of the page, Markdown."""
    machines: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in read_columns(RESULTS, COLUMNS):
        key = tuple(row[column] for column in MACHINE)
        machines.setdefault(key, []).append(row)
    blocks = []
    for found in machines.values():
        blocks += [
            f'{measured_on(found[0])}, float32; ms:',
            markdown_table([_line(row) for row in found]),
        ]
    return '\n\n'.join(blocks)


def _line(row: dict[str, str]) -> dict[str, str]:
    seconds = {part: float(row[f'{part}_s'] or 0) for part in PARTS}
    total = sum(seconds.values())
    return {
        'host': row['host'],
        'config': row['config'],
        'input': row['input'],
        'pass': row['pass'],
        'all': _milliseconds(total),
        **{
            part: _milliseconds(spent) if spent else ''
            for part, spent in seconds.items()
        },
        'of it products': f'{float(row["products"]):.0%}',
        'times as fast as plain': f'{float(row["plain_s"]) / total:.2f}',
    }


def _milliseconds(seconds: float) -> str:
    taken = seconds * 1e3
    return f'{taken:.0f}' if taken >= 100 else f'{taken:.3g}'


def main(words: Sequence[str] | None = None) -> int:
    """Measure and write; see the module docstring."""
    parser = page_parser(TOOL, __doc__, 5)
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--host', action='append', help='measure this one (again: these)'
    )
    options = parser.parse_args(words)
    torch.set_num_threads(options.threads)
    if options.measure:
        _update(options)
    return write(DOCUMENT, TOOL, section(), options.check)


def _update(options: argparse.Namespace) -> None:
    """Measure, and put the rows in the place of those of the same cases.

    Rows of this machine with another torch or number of threads go.
    """
    from benchmarks.whole_models import CASES

    chosen = [c for c in CASES if c.host in (options.host or [c.host])]
    device = torch.device(options.device)
    ours = device_name(device), torch.__version__, str(options.threads)
    table = {
        _key(row): list(row.values())
        for row in read_columns(RESULTS, COLUMNS)
        if row['machine'] != ours[0]
        or tuple(row[column] for column in MACHINE) == ours
    }
    for row in measure(chosen, device, options.rounds):
        table[_key(dict(zip(COLUMNS, map(str, row), strict=True)))] = list(row)
        write_csv(RESULTS, COLUMNS, list(table.values()))


def _key(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[column] for column in KEY)


if __name__ == '__main__':
    raise SystemExit(main())
