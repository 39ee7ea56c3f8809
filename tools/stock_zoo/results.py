"""What is tried, and what came of it: rows of two CSV files."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from uniformer_mm.hosts import HOSTS

__all__ = ['CONFIGS', 'RESULTS', 'Case', 'Row', 'read_cases', 'read_rows']

CONFIGS = Path(__file__).with_name('configs.csv')
RESULTS = Path(__file__).with_name('results.csv')


@dataclass(frozen=True)
class Case:
    """A stock config.

    Attributes:
        host: A key of ``HOSTS``.
        family: What it stands for: a folder of the host's configs.
        config: Its path below that host's configs.
    """

    host: str
    family: str
    config: str

    @property
    def name(self) -> str:
        """What ``_base_`` calls it."""
        return f'{self.host}::{self.config}'


@dataclass(frozen=True)
class Row(Case):
    """What came of a case.

    Attributes:
        stock: With the backbone that is there: ``ok``, ``failed``, ``lacks``
            (a package or a file) or ``skipped`` (we have no input for it).
        stock_cause: Why it is not ok, in one line.
        ours: With our backbone: the same, ``tied`` (the model can't have
            another backbone) or ``refused`` (by the swap).
        ours_cause: Why it is not ok, or by which arch it is, in one line.
        date: The day of the run.
        torch: Its version.
    """

    stock: str
    stock_cause: str
    ours: str
    ours_cause: str
    date: str
    torch: str


def read_cases(path: Path = CONFIGS) -> list[Case]:
    """Read the configs to try.

    Raises:
        ValueError: A column is missing, or a host unknown.
    """
    cases = [Case(**row) for row in _read(path, Case)]
    unknown = {case.host for case in cases} - set(HOSTS)
    if unknown:
        raise ValueError(
            f'{path}: host must be one of {list(HOSTS)}, got {sorted(unknown)}'
        )
    return cases


def read_rows(path: Path = RESULTS) -> list[Row]:
    """Read what came of the configs, if anything did.

    A later row of a config replaces an earlier one.
    """
    if not path.exists():
        return []
    rows = [Row(**row) for row in _read(path, Row)]
    return list({row.name: row for row in rows}.values())


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a whole file, or leave the old one."""
    part = path.with_name(f'{path.name}.part')
    with part.open('w', newline='') as file:
        writer = csv.DictWriter(file, _names(Row), lineterminator='\n')
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    part.replace(path)


def append_row(path: Path, row: Row) -> None:
    """Add a row, which is on the disk when this returns."""
    is_new = not path.exists()
    with path.open('a', newline='') as file:
        writer = csv.DictWriter(file, _names(Row), lineterminator='\n')
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(row))
        file.flush()
        os.fsync(file.fileno())


def _names(kind: type[Case]) -> list[str]:
    return [field.name for field in fields(kind)]


def _read(path: Path, kind: type[Case]) -> list[dict[str, str]]:
    with path.open(newline='') as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != _names(kind):
            raise ValueError(
                f'{path} must have the columns {_names(kind)}, has '
                f'{reader.fieldnames}'
            )
        return list(reader)
