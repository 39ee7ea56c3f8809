"""The paper's results and what the configs behind them tell.

Read by tools/model_tables.py, which says what results.csv holds.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mmengine import Config

from uniformer_mm.analysis import Complexity, count_complexity
from uniformer_mm.configs import NO_METRICS
from uniformer_mm.weights.zoo import ZOO

PAPER = {
    'Title': 'UniFormer: Unifying Convolution and Self-attention for Visual '
    'Recognition',
    'URL': 'https://arxiv.org/abs/2201.09450',
}
# Folder -> column of results.csv -> task, as other metafiles name them.
FOLDERS = {
    'detection': {
        'box AP': 'Object Detection',
        'mask AP': 'Instance Segmentation',
    },
    'segmentation': {
        'mIoU': 'Semantic Segmentation',
        'mIoU(ms+flip)': 'Semantic Segmentation',
    },
    'pose': dict.fromkeys(
        ('AP', 'AP50', 'AP75', 'APM', 'APL', 'AR'), 'Body 2D Keypoint'
    ),
    'action': {'Top 1 Accuracy': 'Action Recognition'},
    'classification': {'Top 1 Accuracy': 'Image Classification'},
}


Row = dict[str, str]
"""Column of results.csv -> text, '' where the paper is silent."""


@dataclass(frozen=True)
class Model:
    """A row of results.csv and what its config tells.

    Attributes:
        row (Row): What the paper reports.
        length (dict[str, int]): Length of the training, {'Epochs': 12}.
        counted (Complexity): Parameters and multiply-adds.
    """

    row: Row
    length: dict[str, int]
    counted: Complexity


def read_rows(configs: Path, folder: str) -> list[Row]:
    """Read results.csv of a folder.

    Raises:
        ValueError: It has other columns, or names a config or weights that
            are not there.
    """
    path = configs / folder / 'results.csv'
    with path.open(newline='') as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    expected = {*NO_METRICS, *FOLDERS[folder]}
    if set(reader.fieldnames or ()) != expected:
        raise ValueError(
            f'{path} must have the columns {sorted(expected)}, got '
            f'{reader.fieldnames}'
        )
    for row in rows:
        file_name = f'{row["config"]}.py'
        if not path.with_name(file_name).is_file():
            raise ValueError(f'{path} names {file_name}, which is not there')
        if row['weights'] and row['weights'] not in ZOO:
            raise ValueError(
                f'{path}: weights of {row["config"]} must be in the catalogue '
                f'(uniformer-mm weights) or empty, got {row["weights"]!r}'
            )
    return rows


def read_model(configs: Path, folder: str, row: Row) -> Model:
    """Read the config of a row, and count."""
    config = Config.fromfile(configs / folder / f'{row["config"]}.py')
    units = {'Epochs': 'max_epochs', 'Iterations': 'max_iters'}
    training = config.train_cfg
    length = {k: training[v] for k, v in units.items() if v in training}
    return Model(row, length, count_complexity(config))


def metrics_of(folder: str, row: Row) -> dict[str, str]:
    """The metrics that the paper reports in a row."""
    return {name: row[name] for name in FOLDERS[folder] if row[name]}


def metafile(folder: str, models: list[Model]) -> str:
    """Text of a folder's metafile.yml."""
    collection = f'UniFormer {folder}'
    data = {
        'Collections': [
            {
                'Name': collection,
                'Metadata': {
                    'Architecture': [
                        'Depthwise Convolution',
                        'Multi-Head Attention',
                    ]
                },
                'Paper': PAPER,
                'README': f'configs/{folder}/README.md',
            }
        ],
        'Models': [
            {
                'Name': model.row['config'],
                'In Collection': collection,
                'Config': f'configs/{folder}/{model.row["config"]}.py',
                'Metadata': metadata(model),
                'Results': [
                    {
                        'Task': FOLDERS[folder][metric],
                        'Dataset': model.row['dataset'],
                        'Metrics': {metric: float(value)},
                    }
                    for metric, value in metrics_of(folder, model.row).items()
                ],
                'Weights': weights(model),
            }
            for model in models
        ],
    }
    return (
        "# Written by tools/model_tables.py. Results are the paper's;\n"
        '# Parameters and FLOPs (multiply-adds, of all views) are counted.\n'
        + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    )


def metadata(model: Model) -> dict[str, Any]:
    """Facts about a model that are not results."""
    views = model.counted.views
    return {
        'Training Data': model.row['dataset'],
        **model.length,
        'Input': 'x'.join(map(str, model.counted.shape)),
        **({'Views': views} if views > 1 else {}),
        'Parameters': model.counted.params,
        'FLOPs': model.counted.macs,
        'Experiment': model.row['experiment'],
        'Origin': 'paper',
    }


def weights(model: Model) -> str:
    """Link to weights that the config loads as they are, or where others are.

    ``mim download`` fails on a model without an entry before it says anything;
    words it shows in its error, and ``mim search`` in its table. The official
    files of classifiers name their tensors in another way.
    """
    name = model.row['weights']
    if not name:
        return 'not published: train it (mim train)'
    entry = ZOO[name]
    official = entry.task == 'backbone' or (
        entry.task == 'action' and entry.class_order != 'mmaction2'
    )
    if entry.url and not official:
        return entry.url
    # No comma: mim takes what is before it for the first of several links.
    return (
        f'not a link: run uniformer-mm download {name} and then '
        'uniformer-mm convert'
    )
