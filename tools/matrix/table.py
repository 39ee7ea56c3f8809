"""Write the table of the environments that were run into docs/install.md.

Usage: python -m tools.matrix.table [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.generated import markdown_table, run
from tools.matrix.cells import Cell, Result, read_cells, read_results

ROOT = Path(__file__).parents[2]
TOOL = 'tools.matrix.table'
SHOWN = {
    'torch': 'torch',
    'numpy': 'NumPy',
    'opencv-python-headless': 'OpenCV',
}


def table(cells: list[Cell], results: list[Result]) -> str:
    """One row for each cell, and below them notes, and words of what failed.

    Raises:
        ValueError: A result is of no cell.
    """
    known = {cell.cell for cell in cells}
    for result in results:
        if result.cell not in known:
            raise ValueError(f'no cell {result.cell} among {sorted(known)}')
    checks = dict.fromkeys(r.check for r in results if r.check != 'install')
    rows, below = [], ['']
    for cell in cells:
        own = [result for result in results if result.cell == cell.cell]
        if not own:
            continue
        pairs = [pair.split(' ', 1) for pair in own[-1].versions.split(', ')]
        outcomes = {result.check: result.outcome for result in own}
        versions = dict(pair for pair in pairs if len(pair) == 2)
        rows.append(
            {
                'Python': cell.python,
                **{
                    title: versions.get(name, '').partition('+')[0]
                    for name, title in SHOWN.items()
                },
                'mmcv': cell.mmcv.replace('==', ' '),
                **{name: outcomes.get(name, 'not run') for name in checks},
                'commit': own[0].commit,
            }
        )
        below += [
            f'- {cell.cell}, {r.check}: `{r.words}`'
            for r in own
            if r.outcome != 'ok' or (r.check == 'install' and r.words)
        ]
    return '\n'.join([markdown_table(rows), *below]).strip()


if __name__ == '__main__':
    content = table(read_cells(), read_results())
    sys.exit(run(ROOT / 'docs/install.md', TOOL, content))
