"""The golden cases: reading them and measuring agreement."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

GOLDEN = Path(__file__).parent / 'golden'


def _load_fill() -> ModuleType:
    spec = importlib.util.spec_from_file_location('fill', GOLDEN / 'fill.py')
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
        return sum(
            (
                out
                * torch.from_numpy(
                    fill.draw(f'{self.name}/cotangent{i}', out.shape)
                )
            ).mean()
            for i, out in enumerate(outs)
        )

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
