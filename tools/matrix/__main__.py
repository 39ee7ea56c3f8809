"""Make the environments of cells.csv, check each, and write results.csv.

Usage: python -m tools.matrix [CELL ...] [--folder DIR] [--keep] [--note WORDS]

Needs the Pythons (python3.10 ... python3.13 on PATH), the package index, and
7 GiB of disk for one environment at a time; a cell takes about 10 minutes,
that of a compiled mmcv half an hour more. Logs stay in DIR/CELL. Exits with 1
if a check failed. Then run `python -m tools.matrix.table`.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.machine import commit
from tools.csv_rows import write_rows
from tools.matrix.cells import (
    RESULTS,
    Cell,
    Result,
    read_cells,
    read_results,
)
from tools.matrix.checks import Check, CheckFailedError, Shell, run_checks

ROOT = Path(__file__).parents[2]
INSTALL_S = 7200  # mmcv compiles for half an hour on two idle cores
VERSIONS = """
from importlib.metadata import version
names = 'torch', 'torchvision', 'numpy', 'opencv-python-headless', 'mmengine'
print(*(f'{name} {version(name)}' for name in names), sep=', ')
"""


def main() -> int:
    """Run the cells that are named, or all."""
    cells = {cell.cell: cell for cell in read_cells()}
    parser = argparse.ArgumentParser(prog='python -m tools.matrix')
    parser.add_argument('cell', nargs='*', help=f'of {", ".join(cells)}')
    parser.add_argument(
        '--folder', type=Path, default=Path('work_dirs/matrix')
    )
    parser.add_argument(
        '--keep', action='store_true', help='keep the environments'
    )
    parser.add_argument(
        '--note', default='', help='what is special; it goes into the table'
    )
    args = parser.parse_args()
    if unknown := set(args.cell) - set(cells):
        parser.error(f'no cell {", ".join(unknown)} among {", ".join(cells)}')
    at, failed = commit(), False
    for name in args.cell or cells:
        folder = args.folder.resolve() / name
        folder.mkdir(parents=True, exist_ok=True)
        rows = check_cell(cells[name], folder, at, args.note)
        if not args.keep:
            shutil.rmtree(folder / 'venv', ignore_errors=True)
        others = [row for row in read_results() if row.cell != name]
        order = list(cells)
        write_rows(
            RESULTS,
            Result,
            sorted([*others, *rows], key=lambda row: order.index(row.cell)),
        )
        failed |= any(row.outcome != 'ok' for row in rows)
    return int(failed)


def check_cell(
    cell: Cell, folder: Path, at: str, note: str = ''
) -> list[Result]:
    """Make the environment of ``cell`` in ``folder``, check it at a commit.

    ``note`` says what is special about the installation.
    """
    rows: list[Result] = []
    versions = ''

    def add(check: Check) -> None:
        print(f'{cell.cell}: {check.check} {check.outcome}: {check.words}')
        rows.append(
            Result(
                cell.cell,
                datetime.date.today().isoformat(),
                at,
                versions,
                check.check,
                check.outcome,
                check.words,
            )
        )

    try:
        python = install(cell, folder)
    except CheckFailedError as error:
        add(Check('install', 'failed', str(error)))
        return rows
    words = [str(python), '-c', VERSIONS]
    versions = subprocess.check_output(words, text=True).strip()
    add(Check('install', 'ok', note))
    for check in run_checks(python, folder):
        add(check)
    return rows


def install(cell: Cell, folder: Path) -> Path:
    """Make the environment as a user does; return its Python.

    Raises:
        CheckFailedError: The Python is missing, or an installation failed.
    """
    interpreter = shutil.which(f'python{cell.python}')
    if not interpreter:
        raise CheckFailedError(f'no python{cell.python} on PATH')
    python = folder / 'venv/bin/python'
    pip = f'{shlex.quote(str(python))} -m pip'
    steps = [
        'bash quickstart.sh setup',
        f'{pip} install --no-deps -r requirements/lock-dev.txt',
    ]
    if cell.mmcv != 'mmcv-lite':
        # The other way round, the first would delete files of the second.
        steps += [
            f'{pip} uninstall --yes mmcv-lite',
            f'{pip} install --no-deps --no-build-isolation {cell.mmcv}',
        ]
    env = {
        **os.environ,
        'UNIFORMER_MM_VENV': str(folder / 'venv'),
        'UNIFORMER_MM_PYTHON': interpreter,
        'UNIFORMER_MM_LOCK': f'requirements/lock-{cell.lock}.txt',
        'MMCV_WITH_OPS': '1',
    }
    with (folder / 'install.log').open('w') as log:
        shell = Shell(env, ROOT, log, INSTALL_S)
        for step in steps:
            shell(step)
    return python


if __name__ == '__main__':
    sys.exit(main())
