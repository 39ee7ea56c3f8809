"""The tables of the matrix: its cells, and what came out."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

__all__ = ['CELLS', 'RESULTS', 'Cell', 'Result', 'read', 'write']

CELLS = Path(__file__).with_name('cells.csv')
RESULTS = Path(__file__).with_name('results.csv')
T = TypeVar('T')


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


def read(path: Path, row: type[T]) -> list[T]:
    """Read a table whose columns are the fields of ``row``.

    Raises:
        ValueError: The columns are others.
    """
    with path.open(newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        names = [field.name for field in fields(row)]  # type: ignore[arg-type]
        if reader.fieldnames != names:
            raise ValueError(
                f'{path} must have the columns {names}, got '
                f'{reader.fieldnames}'
            )
        return [row(**line) for line in reader]


def write(path: Path, rows: Iterable[Result]) -> None:
    """Write ``rows`` to ``path``."""
    with path.open('w', newline='', encoding='utf-8') as file:
        names = [field.name for field in fields(Result)]
        writer = csv.DictWriter(file, names, lineterminator='\n')
        writer.writeheader()
        writer.writerows(map(asdict, rows))
