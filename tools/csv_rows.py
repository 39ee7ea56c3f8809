"""CSV files whose columns are known, such as the fields of a dataclass."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

__all__ = ['append_row', 'read_columns', 'read_rows', 'write_rows']


def read_columns(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read the rows of a file that has these columns, in this order.

    Raises:
        ValueError: The columns are others.
    """
    with path.open(newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != list(columns):
            raise ValueError(
                f'{path} must have the columns {list(columns)}, got '
                f'{reader.fieldnames}'
            )
        return list(reader)


def read_rows(path: Path, kind: type) -> list[dict[str, str]]:
    """Read what instances of the dataclass ``kind`` are made of.

    Raises:
        ValueError: The columns are not its fields.
    """
    return read_columns(path, _columns(kind))


def write_rows(path: Path, kind: type, rows: Iterable[Any]) -> None:
    """Write a whole file of instances of ``kind``, or leave the old one."""
    part = path.with_name(f'{path.name}.part')
    with part.open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, _columns(kind), lineterminator='\n')
        writer.writeheader()
        writer.writerows(map(asdict, rows))
    part.replace(path)


def append_row(path: Path, row: Any) -> None:
    """Add ``row``, which is on the disk when this returns, to a file."""
    if not path.exists():
        write_rows(path, type(row), [])
    with path.open('a', newline='', encoding='utf-8') as file:
        columns = _columns(type(row))
        csv.DictWriter(file, columns, lineterminator='\n').writerow(
            asdict(row)
        )
        file.flush()
        os.fsync(file.fileno())


def _columns(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]
