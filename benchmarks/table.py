"""The table of measurements: its columns, writing and reading it."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tools.csv_rows import read_columns

__all__ = ['Row', 'read_rows', 'write_csv', 'write_rows']


@dataclass(frozen=True)
class Row:
    """One measurement; None where there is none.

    ``peak_mem_mib`` counts weights, gradients, input and activations.
    ``flops`` are of one call, as the baseline computes it for ours.
    ``ratio_to_baseline`` is how many times as fast as the baseline, from the
    same rounds.
    """

    commit: str
    torch: str
    device: str
    threads: int
    dtype: str
    mode: str
    model: str
    batch: int
    shape: str
    direction: str
    median_s: float
    iqr_s: float
    rounds: int
    images_per_s: float
    peak_mem_mib: float | None
    flops: int
    flop_per_s: float
    gemm_flop_per_s: float
    ratio_to_baseline: float | None

    @property
    def case(self) -> tuple[str, ...]:
        """What it shares with the other modes of the same case."""
        return (
            *(self.device, str(self.threads), self.dtype, self.model),
            *(str(self.batch), self.shape, self.direction),
        )


# The column that a keyword of Python names.
NAMES = {'direction': 'pass'}
COLUMNS = tuple(NAMES.get(field.name, field.name) for field in fields(Row))


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write ``rows`` to ``path``, all or nothing."""
    table = [tuple(asdict(row).values()) for row in rows]
    write_csv(path, COLUMNS, table)


def write_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a table, all or nothing; None is an empty cell.

    Floats are written with four significant digits: no more are repeatable.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.partial')
    with partial.open('w', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(columns)
        for row in rows:
            writer.writerow(_cell(value) for value in row)
    os.replace(partial, path)


def _cell(value: Any) -> str:
    if value is None:
        return ''
    return f'{value:.4g}' if isinstance(value, float) else str(value)


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file that ``write_rows`` wrote.

    Raises:
        ValueError: The columns are others.
    """
    records = read_columns(path, COLUMNS)
    return [_parse(list(record.values())) for record in records]


def _parse(cells: list[str]) -> Row:
    values: dict[str, Any] = {}
    for field, cell in zip(fields(Row), cells, strict=True):
        kind = str(field.type)
        if kind == 'int':
            values[field.name] = int(cell)
        elif kind.startswith('float'):
            values[field.name] = float(cell) if cell else None
        else:
            values[field.name] = cell
    return Row(**values)
