"""What a model is, in Markdown: its card on the page."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from uniformer_mm.configs import NO_METRICS, config_of_weights
from uniformer_mm.models.specs import ARCHS
from uniformer_mm.predict.predictor import Predictor
from uniformer_mm.view.blocks import backbone_of
from uniformer_mm.weights.catalogued import entry_of
from uniformer_mm.weights.fetch import fetch
from uniformer_mm.weights.files import file_sha256
from uniformer_mm.weights.zoo import ZooEntry

__all__ = ['card_of']


def card_of(predictor: Predictor, weights: str) -> str:
    """Describe a model that has been loaded.

    Args:
        predictor: What ``load`` returned.
        weights: What it was loaded from.
    """
    path = fetch(weights, progress=False)
    entry = entry_of(weights, path)
    model = predictor.module
    names = predictor.legend.names
    shown = ', '.join(names[:20]) + (', ...' if len(names) > 20 else '')
    points = predictor.legend.keypoint_names
    lines = {
        'Task': predictor.task,
        'Model': f'{type(model).__name__} with {_backbone(predictor)}',
        'Parameters': f'{_millions(model):.1f} million, '
        f'{_millions(model.backbone):.1f} of them in the backbone',
        'Weights': _identity(path, entry),
        'Classes': f'{len(names)}: {shown}',
        **({'Keypoints': f'{len(points)}'} if points else {}),
        'Results': _results(entry),
        'Licence': _licence(entry),
        'Paper': '[UniFormer](https://arxiv.org/abs/2201.09450)',
    }
    return '\n'.join(f'- **{key}:** {text}' for key, text in lines.items())


def _millions(module: object) -> float:
    parameters = module.parameters()  # type: ignore[attr-defined]
    return float(sum(p.numel() for p in parameters)) / 1e6


def _backbone(predictor: Predictor) -> str:
    backbone = backbone_of(predictor.module)
    own = replace(backbone.spec, params=None)
    names = [
        name for name, s in ARCHS.items() if replace(s, params=None) == own
    ]
    arch = f'`{names[0]}`' if names else 'an arch of its own'
    mode = getattr(backbone, 'attention', None)
    more = f', {mode} attention' if isinstance(mode, str) else ''
    form = ', deployed' if backbone.deployed else ''
    return f'{type(backbone).__name__} {arch}{more}{form}'


def _identity(path: Path, entry: ZooEntry | None) -> str:
    what = f'`{entry.name}`' if entry else f'`{path.name}`, not published'
    return f'{what}, sha256 `{file_sha256(path)[:16]}`'


def _results(entry: ZooEntry | None) -> str:
    """What the paper reports of published weights."""
    if entry is None:
        return 'none published for these weights'
    try:
        config = config_of_weights(entry.name, entry.task)
    except FileNotFoundError:
        return 'none published for these weights'
    table = config.with_name('results.csv')
    with table.open(newline='', encoding='utf-8') as file:
        for row in csv.DictReader(file):
            if row['config'] == config.stem:
                numbers = [
                    f'{key} {value}'
                    for key, value in row.items()
                    if value and key not in NO_METRICS
                ]
                return f'{", ".join(numbers)} on {row["dataset"]} (paper)'
    return 'none published for these weights'


def _licence(entry: ZooEntry | None) -> str:
    code = 'code Apache-2.0'
    if entry is None:
        return f'{code}; weights: whoever trained them says'
    stated = entry.license or 'not stated by the publisher'
    return f'{code}; weights {stated}'
