"""What the benchmarks that write a section of docs/speed.md have in common."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

__all__ = ['DOCUMENT', 'case_cells', 'measured_on', 'page_parser']

DOCUMENT = Path(__file__).parents[1] / 'docs/speed.md'


def page_parser(tool: str, doc: str, rounds: int) -> argparse.ArgumentParser:
    """Return the options to measure, and to write or check the section.

    Args:
        tool: Name of the module.
        doc: Its docstring, whose first line is shown.
        rounds: Of a measurement, unless told otherwise.
    """
    parser = argparse.ArgumentParser(
        prog=f'python -m {tool}', description=doc.partition('\n')[0]
    )
    parser.add_argument('--measure', action='store_true')
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=rounds)
    return parser


def measured_on(row: Mapping[str, str]) -> str:
    """Return what a row of a table was measured on, without a full stop."""
    return f'{row["machine"]}, threads: {row["threads"]}, torch {row["torch"]}'


def case_cells(row: Mapping[str, str]) -> dict[str, str]:
    """Return the cells that name the model and the input of a row."""
    return {
        'model': row['model'],
        'input': f'{row["batch"]} x {row["shape"]}',
    }
