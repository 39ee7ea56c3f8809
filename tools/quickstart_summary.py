"""Print what quickstart.sh reached, and put its pictures on one sheet.

Usage: python tools/quickstart_summary.py WORK_DIR

Reads what MMEngine wrote there: the metrics of the evaluation before training
(``*/vis_data/scalars.json``) and of the test (``*/*.json``). Exits with 1 if
the test misses the mark, box and mask AP50 >= 0.75, or differs from the
evaluation at the end of the training.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

MARK = 0.75
METRICS = {
    'box AP': 'coco/bbox_mAP',
    'box AP50': 'coco/bbox_mAP_50',
    'mask AP': 'coco/segm_mAP',
    'mask AP50': 'coco/segm_mAP_50',
}


def newest(paths: list[Path], what: str) -> Path:
    """Return the path last written; MMEngine names folders by time."""
    if not paths:
        sys.exit(f'no {what}; delete the folder and run quickstart.sh again')
    return max(paths, key=lambda path: path.stat().st_mtime)


def evaluations(work_dir: Path) -> list[dict[str, float]]:
    """Metrics of each evaluation in the newest training log, in order."""
    log = newest(
        [
            path
            for path in work_dir.glob('*/vis_data/scalars.json')
            if METRICS['box AP'] in path.read_text()
        ],
        f'training log in {work_dir}',
    )
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return [row for row in rows if METRICS['box AP'] in row]


def write_sheet(pictures: Path, sheet: Path) -> None:
    """Put twelve pictures (truth left, prediction right) on one, enlarged."""
    files = sorted(pictures.glob('*.jpg'))[:12]
    images = [cv2.resize(cv2.imread(str(f)), None, fx=2, fy=2) for f in files]
    rows = [np.hstack(images[i : i + 3]) for i in range(0, len(images), 3)]
    cv2.imwrite(str(sheet), np.vstack(rows))


def main() -> int:
    """Print the table; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path)
    work_dir = parser.parse_args().work_dir
    before, *_, trained = evaluations(work_dir)
    pictures = newest(
        [*work_dir.glob('*/predictions')], f'test result in {work_dir}'
    )
    after = json.loads(
        (pictures.parent / f'{pictures.parent.name}.json').read_text()
    )
    table = Table('toy validation split', 'before training', 'after')
    for title, key in METRICS.items():
        table.add_row(title, f'{before[key]:.3f}', f'{after[key]:.3f}')
    Console().print(table)
    sheet = work_dir / 'predictions.jpg'
    write_sheet(pictures, sheet)
    print(f'picture: {sheet} (left the truth, right the prediction)')
    differ = [t for t, key in METRICS.items() if trained[key] != after[key]]
    if differ:
        print(f'mim test differs from the last evaluation in {differ}')
    missed = [
        title
        for title in ('box AP50', 'mask AP50')
        if after[METRICS[title]] < MARK
    ]
    if missed:
        print(f'below {MARK}: {", ".join(missed)}')
    return 1 if missed or differ else 0


if __name__ == '__main__':
    sys.exit(main())
