"""Write the tables of the trainings into docs/learning.md.

Usage: python -m benchmarks.learning.table [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.learning.trial import RESULTS, Result, read_results
from tools.generated import markdown_table, run

ROOT = Path(__file__).parents[2]
TOOL = 'benchmarks.learning.table'
LOGS = '../benchmarks/learning/logs'


def tables(results: Sequence[Result]) -> str:
    """A row per model and settings, medians of seeds; then each training."""
    groups: dict[tuple[str, float, int, str], list[Result]] = {}
    for row in results:
        settings = row.tested, row.lr, row.iterations, row.model
        groups.setdefault(settings, []).append(row)
    first = results[0]
    return '\n\n'.join(
        [
            markdown_table([summary(rows) for rows in groups.values()]),
            f'{first.device}, torch {first.torch}. Each training:',
            markdown_table([training(row) for row in results]),
        ]
    )


def summary(rows: Sequence[Result]) -> dict[str, str]:
    """One line: what the seeds of a model gave."""
    first = rows[0]
    return {
        'backbone': first.model,
        'params (M)': f'{first.params / 1e6:.1f}',
        'split': first.tested,
        'learning rate': f'{first.lr:g}',
        'iterations': str(first.iterations),
        'seeds': str(len(rows)),
        'box AP, ours': spread(row.ap for row in rows),
        'box AP50, ours': spread(row.ap50 for row in rows),
        'CPU (s)': spread((row.cpu_s for row in rows), 0),
        'memory (MiB)': spread((row.peak_rss_mib for row in rows), 0),
    }


def spread(values: Iterable[float], digits: int = 1) -> str:
    """Median, and the smallest and largest value."""
    found = sorted(values)
    middle, low, high = (
        f'{value:.{digits}f}' for value in (median(found), found[0], found[-1])
    )
    return f'{middle} ({low} to {high})'


def training(row: Result) -> dict[str, str]:
    """One line: a training, how to repeat it, and its log."""
    return {
        'training': row.log.removesuffix('.jsonl'),
        'box AP': f'{row.ap:.1f}',
        'AP50': f'{row.ap50:.1f}',
        'loss': f'{row.first_loss:.2f} to {row.last_loss:.2f}',
        'CPU (s)': f'{row.cpu_s:.0f}',
        'wall (s)': f'{row.wall_s:.0f}',
        'memory (MiB)': f'{row.peak_rss_mib:.0f}',
        'commit': row.commit,
        'command': f'`{row.command}`',
        'log': f'[log]({LOGS}/{row.log})',
    }


if __name__ == '__main__':
    content = tables(read_results(RESULTS))
    sys.exit(run(ROOT / 'docs/learning.md', TOOL, content))
