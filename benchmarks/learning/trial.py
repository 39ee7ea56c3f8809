"""One trial: a training, its test, and a row of results."""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from benchmarks.learning.data import write_splits
from benchmarks.learning.recipe import Trial, config_of
from benchmarks.machine import device_name
from benchmarks.table import write_csv
from tools.csv_rows import read_rows

__all__ = ['RESULTS', 'Result', 'read_results', 'run_trial', 'write_results']

RESULTS = Path(__file__).with_name('results.csv')


@dataclass(frozen=True)
class Result:
    """What came of a trial.

    AP is COCO's, in percent. ``cpu_s`` and ``wall_s`` are of the training
    alone, in seconds; ``cpu_s`` counts what other processes do not delay.
    ``peak_rss_mib`` is what the process had most at any time. The losses are
    means of ten iterations: the first that were logged, and the last.
    """

    model: str
    seed: int
    iterations: int
    lr: float
    tested: str
    ap: float
    ap50: float
    first_loss: float
    last_loss: float
    cpu_s: float
    wall_s: float
    peak_rss_mib: float
    params: int
    torch: str
    device: str
    commit: str
    command: str
    log: str


def run_trial(
    trial: Trial, data: Path, work_dir: Path, log: Path, commit: str
) -> Result:
    """Train and test, in this process, whose peak of memory is the trial's.

    Args:
        trial: Which one.
        data: Folder of the data.
        work_dir: For what the training writes; emptied before.
        log: What the training logged is copied there, a JSON line per ten
            iterations.
        commit: Of the code.

    Raises:
        FileNotFoundError, ValueError: As ``write_splits``.
    """
    from mmdet.utils import register_all_modules
    from mmengine.config import Config
    from mmengine.registry import RUNNERS

    register_all_modules()
    shutil.rmtree(work_dir, ignore_errors=True)
    work_dir.mkdir(parents=True)
    write_splits(data, work_dir)
    config = Config(config_of(trial, work_dir, data, work_dir))
    runner: Any = RUNNERS.build(config)
    wall, cpu = time.perf_counter(), time.process_time()
    runner.train()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    metrics = runner.test()
    lines = [
        line
        for path in work_dir.glob('*/vis_data/scalars.json')
        for line in path.read_text().splitlines()
        if 'loss' in json.loads(line)
    ]
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text('\n'.join(lines) + '\n')
    return Result(
        model=trial.model,
        seed=trial.seed,
        iterations=trial.iterations,
        lr=trial.lr,
        tested=trial.tested,
        # Without a box mmdet gives no metrics.
        ap=100 * metrics.get('coco/bbox_mAP', 0.0),
        ap50=100 * metrics.get('coco/bbox_mAP_50', 0.0),
        first_loss=json.loads(lines[0])['loss'],
        last_loss=json.loads(lines[-1])['loss'],
        cpu_s=cpu,
        wall_s=wall,
        peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        params=sum(p.numel() for p in runner.model.parameters()),
        torch=torch.__version__,
        device=device_name(next(runner.model.parameters()).device),
        commit=commit,
        command=trial.command,
        log=log.name,
    )


def read_results(path: Path) -> list[Result]:
    """Return the rows of a file that ``write_results`` wrote.

    Raises:
        ValueError: The columns are others.
    """
    kinds = {'int': int, 'float': float, 'str': str}
    columns = {field.name: kinds[str(field.type)] for field in fields(Result)}
    return [
        Result(**{name: columns[name](row[name]) for name in columns})
        for row in read_rows(path, Result)
    ]


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Write rows, all or nothing."""
    names = [field.name for field in fields(Result)]
    write_csv(path, names, (tuple(asdict(row).values()) for row in results))
