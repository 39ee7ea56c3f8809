"""The golden cases: reading them and measuring agreement."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from uniformer_mm import (
    ARCHS,
    UniFormer,
    UniFormerClassifier,
    UniFormerLight,
)

GOLDEN = Path(__file__).parents[1] / 'golden'


def _load_fill() -> ModuleType:
    spec = importlib.util.spec_from_file_location('fill', GOLDEN / 'fill.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fill = _load_fill()


class GoldenCase:
    """One case of ``tests/golden``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.spec: dict[str, Any] = json.loads(
            (GOLDEN / f'{name}.json').read_text()
        )
        self.samples = np.load(GOLDEN / f'{name}.npz')

    def input(self) -> Tensor:
        """The input, (N, C, H, W) or (N, C, T, H, W)."""
        return torch.from_numpy(
            fill.draw(f'{self.name}/input', self.spec['input_shape'])
        )

    def loss(self, outs: tuple[Tensor, ...]) -> Tensor:
        """The training loss of the case."""
        parts = [
            (
                out
                * torch.from_numpy(
                    fill.draw(f'{self.name}/cotangent{i}', out.shape)
                )
            ).mean()
            for i, out in enumerate(outs)
        ]
        return torch.stack(parts).sum()

    def relative_error(self, key: str, value: Tensor) -> float:
        """Largest error of ``value`` against the stored samples ``key``."""
        expected = self.samples[key]
        index = fill.sample_indices(value.numel())
        got = value.detach().flatten()[torch.from_numpy(index)].numpy()
        return float(np.abs(got - expected).max() / np.abs(expected).max())


def fill_model(model: nn.Module) -> nn.Module:
    """Give ``model`` the golden weights, by their official names."""
    model.load_state_dict(
        {
            key: torch.from_numpy(
                fill.value_for(key.removeprefix('backbone.'), value.shape)
            )
            for key, value in model.state_dict().items()
        }
    )
    return model


CASES = sorted(path.stem for path in GOLDEN.glob('*.json'))
DENSE = [name for name in CASES if name.startswith('dense_')]

every_case = pytest.mark.parametrize('golden', CASES, indirect=True)
dense_cases = pytest.mark.parametrize('golden', DENSE, indirect=True)


def build(case: GoldenCase) -> nn.Module:
    """The model of a case, with its weights."""
    meta = case.spec['meta']
    arch = meta['arch'].removeprefix('light_')
    model: nn.Module
    if case.spec['kind'] != 'dense':
        of_split = {'split': True, 'temporal_stride_std': True}
        changes: dict[str, Any] = of_split if meta.get('split') else {}
        model = UniFormerClassifier(
            arch,
            num_classes=meta['num_classes'],
            token_labeling=meta.get('token_labeling', False),
            ndim=3 if case.spec['kind'] == 'video' else 2,
            **changes,
        )
    elif ARCHS[arch].light:
        model = UniFormerLight(arch)
    else:
        model = UniFormer(
            arch,
            attention=meta['attention'],
            window_size=meta.get('window_size', 14),
        )
    return fill_model(model)


def backbone_of(model: nn.Module) -> nn.Module:
    """The backbone of a classifier, or the backbone itself."""
    backbone: nn.Module = getattr(model, 'backbone', model)
    return backbone
