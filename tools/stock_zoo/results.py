"""What is tried, and what came of it: rows of two CSV files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools import csv_rows
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
        stock_cause: Why it is not ok, or what was left out, in one line.
        ours: With our backbone: the same, ``tied`` (the model can't have
            another backbone) or ``refused`` (by the swap).
        ours_cause: The same, or by which arch it is ok.
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
    cases = [Case(**row) for row in csv_rows.read_rows(path, Case)]
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
    rows = [Row(**row) for row in csv_rows.read_rows(path, Row)]
    return list({row.name: row for row in rows}.values())
