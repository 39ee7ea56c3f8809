"""Write the figures into docs/reliability.md.

Usage: python -m tools.reliability.table [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from tools.generated import markdown_table, run
from tools.reliability.figures import Figure, read

DOCUMENT = Path(__file__).parents[2] / 'docs/reliability.md'
TOOL = 'tools.reliability.table'


def table(figures: Iterable[Figure]) -> str:
    """One row for each kind."""
    return markdown_table(
        [
            {
                'kind': figure.kind,
                'tried': str(figure.tried) if figure.tried else 'not run',
                'right': str(figure.right) if figure.tried else '',
                'wrong': str(figure.wrong) if figure.tried else '',
                'measured': figure.note,
            }
            for figure in figures
        ]
    )


if __name__ == '__main__':
    sys.exit(run(DOCUMENT, TOOL, table(read())))
