"""Print what quickstart.sh reached, and draw it beside the truth.

Usage: python -m tools.quickstart_summary WORK_DIR

Reads what the training and the test wrote there: the config, the metrics
before training (``*/vis_data/scalars.json``) and of the test (``*/*.json``),
and its predictions (``predictions.segm.json``). Exits with 1 if the test
misses the mark, box and mask AP50 >= 0.75, or differs from the evaluation at
the end of the training.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from mmengine.config import Config
from pycocotools.coco import COCO
from rich.console import Console
from rich.table import Table

MARK = 0.75
METRICS = {
    'box AP': 'coco/bbox_mAP',
    'box AP50': 'coco/bbox_mAP_50',
    'mask AP': 'coco/segm_mAP',
    'mask AP50': 'coco/segm_mAP_50',
}
HALO = [withStroke(linewidth=3, foreground='white')]


def newest(paths: Iterable[Path], what: str) -> Path:
    """Return the path last written; MMEngine names folders by time."""
    found = sorted(paths, key=lambda path: path.stat().st_mtime)
    if not found:
        sys.exit(f'no {what}; delete the folder and run quickstart.sh again')
    return found[-1]


def evaluations(work_dir: Path) -> list[dict[str, float]]:
    """Metrics of each evaluation in the newest training log, in order."""
    log = newest(
        (
            path
            for path in work_dir.glob('*/vis_data/scalars.json')
            if METRICS['box AP'] in path.read_text()
        ),
        f'training log in {work_dir}',
    )
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return [row for row in rows if METRICS['box AP'] in row]


def draw_shapes(axes: Any, coco: COCO, image: int, palette: Any) -> None:
    """Draw contours and names of all annotations of an image."""
    for shape in coco.imgToAnns[image]:
        color = [c / 255 for c in palette[shape['category_id'] - 1]]
        mask = coco.annToMask(shape)
        lines = axes.contour(mask, [0.5], colors=[color], linewidths=1.5)
        lines.set_path_effects(HALO)
        name = coco.cats[shape['category_id']]['name']
        if 'score' in shape:
            name += f' {shape["score"]:.2f}'
        # On the shape, where no other can be, and away from the sides.
        side = mask.shape[1]
        x, y, width, height = shape['bbox']
        axes.text(
            min(max(x + width / 2, side / 4), side * 3 / 4),
            y + height / 2,
            name,
            color=color,
            ha='center',
            va='center',
            fontsize='small',
            weight='bold',
            path_effects=HALO,
        )


def write_sheet(config: Config, predictions: Path, sheet: Path) -> None:
    """Draw truth and prediction of twelve images, beside each other."""
    dataset = config.test_dataloader.dataset
    least = config.default_hooks.visualization.score_thr
    root = Path(dataset.data_root)
    shown = [
        shape
        for shape in json.loads(predictions.read_text())
        if shape['score'] >= least
    ]
    with contextlib.redirect_stdout(None):
        truth = COCO(root / dataset.ann_file)
        found = truth.loadRes(shown) if shown else COCO()
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
    figure = Figure(figsize=(16, 11.5), layout=layout)
    figure.suptitle(
        f'Twelve of {len(truth.imgs)} validation images; predictions with a '
        f'score of at least {least}',
        fontsize='x-large',
    )
    images = [truth.imgs[i] for i in sorted(truth.imgs)[:12]]
    pairs: Any = figure.subfigures(4, 3)
    for pair, image in zip(pairs.flat, images, strict=False):
        picture: Any = cv2.imread(
            str(root / dataset.data_prefix.img / image['file_name'])
        )
        pair.patch.set(edgecolor='0.7', linewidth=1)
        pair.add_artist(Line2D([0.5, 0.5], [0, 1], color='0.7', linewidth=1))
        for axes, title, coco in zip(
            pair.subplots(1, 2),
            ('truth', 'prediction'),
            (truth, found),
            strict=True,
        ):
            axes.imshow(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            axes.set_title(title)
            axes.set_axis_off()
            draw_shapes(axes, coco, image['id'], config.metainfo.palette)
    figure.savefig(sheet)


def main() -> int:
    """Print the table; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path)
    work_dir = parser.parse_args().work_dir
    before, *_, trained = evaluations(work_dir)
    result = newest(work_dir.glob('*/*.json'), f'test result in {work_dir}')
    after = json.loads(result.read_text())
    table = Table('toy validation split', 'before training', 'after')
    for title, key in METRICS.items():
        table.add_row(title, f'{before[key]:.3f}', f'{after[key]:.3f}')
    Console().print(table)
    sheet = work_dir / 'predictions.jpg'
    write_sheet(
        Config.fromfile(newest(work_dir.glob('*.py'), 'config')),
        work_dir / 'predictions.segm.json',
        sheet,
    )
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
