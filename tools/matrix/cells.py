"""The tables of the matrix: its cells, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.csv_rows import read_rows

__all__ = ['RESULTS', 'Cell', 'Result', 'read_cells', 'read_results']

CELLS = Path(__file__).with_name('cells.csv')
RESULTS = Path(__file__).with_name('results.csv')


@dataclass(frozen=True)
class Cell:
    """One environment.

    Args:
        cell (str): Its name.
        python (str): Version of Python, such as ``'3.13'``.
        lock (str): Which of ``requirements/lock-*.txt`` is installed.
        mmcv (str): ``'mmcv-lite'``, which the locks have, or the release of
            mmcv to compile in its place, such as ``'mmcv==2.1.0'``.
    """

    cell: str
    python: str
    lock: str
    mmcv: str


@dataclass(frozen=True)
class Result:
    """One check of one cell: ``outcome`` is ``'ok'`` or ``'failed'``.

    ``versions`` are those of torch and what goes with it, as they import;
    ``words`` the last ones of the check.
    """

    cell: str
    date: str
    commit: str
    versions: str
    check: str
    outcome: str
    words: str


def read_cells(path: Path = CELLS) -> list[Cell]:
    """Read the environments to make."""
    return [Cell(**row) for row in read_rows(path, Cell)]


def read_results(path: Path = RESULTS) -> list[Result]:
    """Read what came out."""
    return [Result(**row) for row in read_rows(path, Result)]
