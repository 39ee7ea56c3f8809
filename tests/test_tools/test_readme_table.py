"""The table of models in README.md: current, and as models are."""

from __future__ import annotations

import csv

import pytest
import torch
from mmengine import Config

from tools.generated import filled
from tools.readme_table import CONFIGS, README, TOOL, readme_table
from uniformer_mm.analysis.meter import Meter
from uniformer_mm.models import ARCHS, UniFormerClassifier
from uniformer_mm.weights.zoo import ZOO

with (CONFIGS / 'models.csv').open(newline='') as file:
    MODELS = list(csv.DictReader(file))


def test_the_readme_is_up_to_date() -> None:
    text = filled(README, TOOL, readme_table(CONFIGS))
    assert text == README.read_text(), f'run `python -m {TOOL}`'


@pytest.mark.parametrize('row', MODELS, ids=lambda row: row['model'])
def test_a_model_is_what_the_row_says(row: dict[str, str]) -> None:
    assert ZOO[row['weights']].arch == row['arch']
    with torch.device('meta'):
        model = UniFormerClassifier(row['arch']).eval().requires_grad_(False)
        meter = Meter(torch.nn.Sequential(model))
        meter.run('0', torch.empty(1, 3, 224, 224))
    (part,) = meter.parts
    for text, number in (
        (row['params_m'], part.params / 1e6),
        (row['flops_g'], part.macs / 1e9),
    ):
        # Rounded in the paper, whose counter counts besides products.
        rounding = 0.5 * 10 ** -len(text.partition('.')[2])
        assert abs(number - float(text)) <= 0.02 * float(text) + rounding
    for folder in ('detection', 'segmentation', 'action'):
        if row[folder]:
            path = CONFIGS / folder / f'{row[folder]}.py'
            backbone = Config.fromfile(path).model.backbone
            assert backbone.get('arch', 'small') == row['arch']
    assert row['arch'] in ARCHS
