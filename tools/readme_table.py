"""Write the table of models in README.md: what the paper reports of each.

Usage: python -m tools.readme_table [--check]

configs/models.csv names the published models: model (as the paper calls it),
arch, params_m and flops_g (millions; 1e9 multiply-adds at 224x224), top1 (of
ImageNet-1K, percent), weights (name in the catalogue), and for each folder the
config whose result stands for it; the results come from the folders'
results.csv.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from tools.generated import markdown_table, run
from tools.model_results import Row, read_rows

ROOT = Path(__file__).parents[1]
README = ROOT / 'README.md'
CONFIGS = ROOT / 'configs'
TOOL = 'tools.readme_table'
# Folder -> title of the column, metrics in it.
RESULTS = {
    'detection': ('COCO box / mask AP', ('box AP', 'mask AP')),
    'segmentation': ('ADE20K mIoU', ('mIoU',)),
    'action': ('K400 top-1', ('Top 1 Accuracy',)),
}
METHODS = {
    'mask-rcnn': 'Mask R-CNN 1x',
    'upernet': 'UperNet',
    'semantic-fpn': 'Semantic FPN',
}


def readme_table(configs: Path) -> str:
    """The table, in Markdown.

    Raises:
        ValueError: models.csv names a config that no results.csv has.
    """
    results = {
        folder: {row['config']: row for row in read_rows(configs, folder)}
        for folder in RESULTS
    }
    with (configs / 'models.csv').open(newline='') as file:
        models = list(csv.DictReader(file))
    return markdown_table(
        [
            {
                'model': f'{model["model"]} (`{model["arch"]}`)',
                'params (M)': model['params_m'],
                'FLOPs (G)': model['flops_g'],
                'IN-1K top-1': model['top1'],
                **{
                    title: result(folder, model[folder], results[folder])
                    for folder, (title, _) in RESULTS.items()
                },
                'weights': f'`{model["weights"]}`',
            }
            for model in models
        ]
    )


def result(folder: str, config: str, rows: dict[str, Row]) -> str:
    """One cell: the metrics of a config, linked to it; '' for no config."""
    if not config:
        return ''
    if config not in rows:
        raise ValueError(
            f'configs/models.csv names {config}, of which '
            f'configs/{folder}/results.csv says nothing'
        )
    _, metrics = RESULTS[folder]
    numbers = ' / '.join(rows[config][metric] for metric in metrics)
    method, _, rest = config.partition('_')
    frames = rest.partition('_')[0].partition('x')[0]
    how = METHODS.get(method) or f'{frames} frames'
    return f'[{numbers}](configs/{folder}/{config}.py), {how}'


if __name__ == '__main__':
    sys.exit(run(README, TOOL, readme_table(CONFIGS)))
