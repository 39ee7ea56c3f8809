"""Keep what a training of ours gave, for the tables of the configs.

Usage: python -m tools.model_runs CONFIG WORK_DIR COMMAND

CONFIG is a folder of configs/ and a name in it, 'action/uniformer-s_toy',
WORK_DIR where it was trained, with one training in it, COMMAND how. Its last
evaluation goes to configs/runs.csv, a row for each of the paper's metrics in
percent, with the commit of the checkout, which must still be that of the
training; what it logged goes to configs/logs. Rows of the same config are
replaced. Then run `python -m tools.model_tables`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import commit
from benchmarks.table import write_csv
from tools.csv_rows import read_columns
from tools.generated import markdown_table
from uniformer_mm.verify.metrics import METRICS

__all__ = ['Run', 'read_runs', 'run_cells', 'runs_table']

CONFIGS = Path(__file__).parents[1] / 'configs'
COLUMNS = ('config', 'metric', 'value', 'commit', 'command', 'log')
Run = dict[str, str]
"""Column of runs.csv -> text."""


def read_runs(configs: Path) -> list[Run]:
    """Read runs.csv.

    Raises:
        ValueError: It has other columns, or names a config, a metric or a log
            that is not there.
    """
    path = configs / 'runs.csv'
    rows = read_columns(path, COLUMNS)
    for row in rows:
        for name in (f'{row["config"]}.py', f'logs/{row["log"]}'):
            if not (configs / name).is_file():
                raise ValueError(f'{path} names {name}, which is not there')
        known = METRICS[row['config'].partition('/')[0]]
        if row['metric'] not in known:
            raise ValueError(
                f'{path}: metric of {row["config"]} must be of '
                f'{list(known)}, got {row["metric"]!r}'
            )
    return rows


def run_cells(runs: Sequence[Run], config: str) -> dict[str, str]:
    """Metric -> value, of the runs of a config."""
    return {r['metric']: r['value'] for r in runs if r['config'] == config}


def runs_table(runs: Sequence[Run], folder: str) -> str:
    """Table of the runs of a folder's configs; '' for none."""
    rows = []
    for run in runs:
        place, _, name = run['config'].partition('/')
        if place == folder:
            rows.append(
                {
                    'run of ours': f'[{name}]({name}.py)',
                    'metric': run['metric'],
                    'value': run['value'],
                    'commit': run['commit'],
                    'command': f'`{run["command"]}`',
                    'log': f'[log](../logs/{run["log"]})',
                }
            )
    return markdown_table(rows) if rows else ''


def record(configs: Path, config: str, work_dir: Path, command: str) -> None:
    """Write rows and log of a training; see the module docstring.

    Raises:
        ValueError: There is no such config, not one log in ``work_dir``, or
            no evaluation in it.
    """
    folder, _, name = config.partition('/')
    if folder not in METRICS or not (configs / f'{config}.py').is_file():
        raise ValueError(
            f'CONFIG must be FOLDER/NAME of {configs}, FOLDER of '
            f'{list(METRICS)}, got {config!r}'
        )
    texts = [p.read_text() for p in work_dir.glob('*/vis_data/scalars.json')]
    trainings = [text for text in texts if '"loss"' in text]
    if len(trainings) != 1:
        raise ValueError(
            'WORK_DIR must hold the log of one training, got '
            f'{len(trainings)} in {work_dir}'
        )
    (text,) = trainings
    last: dict[str, float] = {}
    for line in text.splitlines():
        last.update(json.loads(line))
    found = {
        metric: last[key] * percent
        for metric, (key, percent) in METRICS[folder].items()
        if key in last
    }
    if not found:
        keys = [key for key, _ in METRICS[folder].values()]
        raise ValueError(f'no evaluation in {work_dir}, with any of {keys}')
    log = f'{name}.jsonl'
    (configs / 'logs').mkdir(exist_ok=True)
    (configs / 'logs' / log).write_text(text)
    at = commit()
    rows = [run for run in read_runs(configs) if run['config'] != config]
    lines = [
        *(tuple(run[column] for column in COLUMNS) for run in rows),
        *(
            (config, metric, f'{value:.1f}', at, command, log)
            for metric, value in found.items()
        ),
    ]
    write_csv(configs / 'runs.csv', COLUMNS, sorted(lines))


def main() -> int:
    """Keep a run; see the module docstring."""
    parser = argparse.ArgumentParser(prog='python -m tools.model_runs')
    parser.add_argument('config')
    parser.add_argument('work_dir', type=Path)
    parser.add_argument('command')
    args = parser.parse_args()
    try:
        record(CONFIGS, args.config, args.work_dir, args.command)
    except ValueError as error:
        sys.stderr.write(f'model_runs: {error}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
