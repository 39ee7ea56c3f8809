"""Train the detector on each backbone and write what came of it.

Usage: python -m benchmarks.learning [--iterations N] [--seeds S ...] ...

A row of results.csv per training, each in a process of its own, seeds
outermost, so that what was interrupted is balanced. A row of the same model,
seed and iterations is replaced: try other settings with another --out. Then
run `python -m benchmarks.learning.table`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import torch

from benchmarks.learning.detector import BACKBONES
from benchmarks.learning.recipe import TESTED, Trial
from benchmarks.learning.trial import (
    RESULTS,
    Result,
    read_results,
    run_trial,
    write_results,
)
from benchmarks.machine import commit


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.learning')
    add = parser.add_argument
    add('--data', type=Path, default=Path('data/bccd'), help='of BCCD')
    add('--models', nargs='+', choices=BACKBONES, default=list(BACKBONES))
    add('--seeds', nargs='+', type=int, default=[0, 1, 2])
    add('--iterations', type=int, default=100)
    add('--lr', type=float, default=Trial.lr, help="peak of AdamW's rate")
    add('--tested', choices=TESTED, default=Trial.tested)
    add('--threads', type=int, help='of the CPU (default: torch decides)')
    add('--out', type=Path, default=RESULTS)
    add('--work-dir', type=Path, default=Path('work_dirs/learning'))
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run the trials that the command line asks for."""
    options = parse(words)
    at = commit()
    for seed, model in product(options.seeds, options.models):
        trial = Trial(
            model, seed, options.iterations, options.lr, options.tested
        )
        result = run_apart(trial, options, at)
        print(
            f'{trial.name}: AP {result.ap:.1f}, AP50 {result.ap50:.1f}, loss '
            f'{result.first_loss:.2f} to {result.last_loss:.2f}, '
            f'{result.cpu_s:.0f} s of CPU',
            flush=True,
        )
        old = read_results(options.out) if options.out.exists() else []
        kept = [row for row in old if row.log != result.log]
        write_results(options.out, [*kept, result])
    return 0


def run_apart(trial: Trial, options: argparse.Namespace, at: str) -> Result:
    """Run a trial in a process of its own.

    Its memory is its own; what is imported, which takes seconds, is shared.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['benchmarks.learning.trial', 'mmdet.apis'])
    log = options.out.parent / 'logs' / f'{trial.name}.jsonl'
    with ProcessPoolExecutor(1, context) as pool:
        if options.threads is not None:
            pool.submit(torch.set_num_threads, options.threads).result()
        work_dir = options.work_dir / trial.name
        return pool.submit(
            run_trial, trial, options.data, work_dir, log, at
        ).result()


if __name__ == '__main__':
    sys.exit(main())
