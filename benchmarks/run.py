"""Measure cases side by side: ``python -m benchmarks.run --suite quick``."""

from __future__ import annotations

import argparse
import multiprocessing
import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.cases import DTYPES, MODELS, PASSES, SUITES, Case, parse_shape
from benchmarks.machine import commit, device_name
from benchmarks.measure import Settings, measure
from benchmarks.modes import MODES, check_mode
from benchmarks.table import Row, read_rows, write_rows

__all__ = ['main', 'parse_case', 'replace_rows', 'select']

RESULTS = Path(__file__).parent / 'results'


def parse_case(text: str) -> Case:
    """Return the case that 'MODEL:SHAPE:BATCH[:PASS[:DTYPE]]' names.

    Raises:
        ValueError: ``text`` is no such thing.
    """
    parts = text.split(':')
    if not 3 <= len(parts) <= 5 or not parts[2].isdecimal():
        raise ValueError(
            'a case must be written as MODEL:SHAPE:BATCH[:PASS[:DTYPE]], such '
            f"as 'uniformer-s-h14:800x1344:1:forward:fp32', got {text!r}"
        )
    model, shape, batch, *rest = parts
    return Case(model, parse_shape(shape), int(batch), *rest)


def select(
    cases: Iterable[Case],
    *,
    models: Sequence[str] | None = None,
    passes: Sequence[str] | None = None,
    dtypes: Sequence[str] | None = None,
) -> list[Case]:
    """Return those of ``cases`` that are asked for; None asks for all.

    Raises:
        ValueError: None is left.
    """
    chosen = [
        case
        for case in cases
        if (models is None or case.model in models)
        and (passes is None or case.direction in passes)
        and (dtypes is None or case.dtype in dtypes)
    ]
    if not chosen:
        raise ValueError(
            f'no case of the suite has models {models}, passes {passes} and '
            f'dtypes {dtypes}'
        )
    return chosen


def replace_rows(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """Return ``old`` with the rows of the same cases and modes replaced."""
    rows = {(*row.case, row.mode): row for row in old}
    rows.update({(*row.case, row.mode): row for row in new})
    return list(rows.values())


def default_path(device: torch.device) -> Path:
    """Return the file of this machine."""
    name = re.sub(r'[^a-z0-9]+', '-', device_name(device).lower()).strip('-')
    version = torch.__version__.split('+')[0]
    threads = (
        f'-{torch.get_num_threads()}-threads' if device.type == 'cpu' else ''
    )
    return RESULTS / f'{name}{threads}-torch-{version}.csv'


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.run', description=__doc__
    )
    add = parser.add_argument
    add('--suite', choices=list(SUITES), default='quick')
    add('--case', action='append', help='MODEL:SHAPE:BATCH[:PASS[:DTYPE]]')
    add('--models', nargs='+', choices=MODELS, help='of the suite')
    add('--passes', nargs='+', choices=PASSES, help='of the suite')
    add('--dtypes', nargs='+', choices=DTYPES, help='of the suite')
    add('--modes', nargs='+', help='steps joined by + (default: by device)')
    add('--device', default='cpu', choices=('cpu', 'cuda'))
    add('--threads', type=int, help='of the CPU (default: torch decides)')
    add('--rounds', type=int, default=30, help='at most, per case')
    add('--budget-s', type=float, default=600.0, help='seconds, for all')
    add('--no-memory', action='store_true')
    add('--commit', help='what is measured (default: of the checkout)')
    add('--out', type=Path, help='CSV file; rows of other cases stay')
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for; return the exit status."""
    options = parse(words)
    modes = options.modes or MODES[options.device]
    for mode in modes:
        check_mode(mode)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    cases = (
        [parse_case(text) for text in options.case]
        if options.case
        else select(
            SUITES[options.suite],
            models=options.models,
            passes=options.passes,
            dtypes=options.dtypes,
        )
    )
    device = torch.device(options.device)
    path = options.out or default_path(device)
    settings = Settings(
        options.commit or commit(),
        device,
        rounds=options.rounds,
        memory=not options.no_memory,
    )
    end = time.monotonic() + options.budget_s
    for i, case in enumerate(cases):
        left = end - time.monotonic()
        if left <= 0:
            names = [f'{c.model} {c.shape_name}' for c in cases[i:]]
            print(f'the budget is spent; not measured: {", ".join(names)}')
            return 1
        share = replace(settings, budget_s=left / (len(cases) - i))
        rows = measure_apart(case, modes, share, options.threads)
        for row in rows:
            print(describe(row), flush=True)
        old = read_rows(path) if path.exists() else []
        write_rows(path, replace_rows(old, rows))
    print(path)
    return 0


def measure_apart(
    case: Case, modes: Sequence[str], settings: Settings, threads: int | None
) -> list[Row]:
    """Measure in a process of its own, as fresh as a user's.

    What ran before changes how the C library hands out memory, and so times.

    Raises:
        ValueError: As ``measure``.
    """
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, context) as pool:
        if threads is not None:
            pool.submit(torch.set_num_threads, threads).result()
        return pool.submit(measure, case, modes, settings).result()


def describe(row: Row) -> str:
    """Return one line of text for ``row``."""
    ratio, memory = row.ratio_to_baseline, row.peak_mem_mib
    parts = [
        f'{row.model} {row.shape} x{row.batch} {row.direction} {row.dtype}',
        f'{row.mode}: {row.median_s * 1e3:.1f} ms +- {row.iqr_s * 1e3:.1f}',
        f'{row.flop_per_s / row.gemm_flop_per_s:.2f} of a GEMM',
    ]
    if ratio is not None:
        parts.append(f'{ratio:.2f} x the baseline')
    if memory is not None:
        parts.append(f'{memory:.0f} MiB')
    return ', '.join(parts)


if __name__ == '__main__':
    raise SystemExit(main())
