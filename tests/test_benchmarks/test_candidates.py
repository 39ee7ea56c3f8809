"""Candidates give the same as the package, in training too."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from benchmarks.candidates import CANDIDATES
from tests.golden_cases import GoldenCase
from tests.test_backbones.models import build, random_input
from tests.test_backbones.test_golden import build as build_golden

WINDOWS = ['projected', 'grouped']


@pytest.mark.parametrize('name', list(CANDIDATES))
@pytest.mark.parametrize('size', [(64, 96), (75, 101), (150, 112)])
@pytest.mark.parametrize('window_size', [2, 3, 7])
def test_outputs_and_gradients_stay(
    name: str, size: tuple[int, int], window_size: int
) -> None:
    model: Any = build('image', window_size=window_size)
    model.set_attention('window')
    with torch.no_grad():
        for block in model.blocks3:
            block.attn.qkv.bias.normal_()
    other = CANDIDATES[name](copy.deepcopy(model))
    x = random_input('image', 2, *size)
    grads = []
    for each in (model, other):
        sum(out.square().sum() for out in each(x)).backward()
        grads.append([p.grad for p in each.parameters()])
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-3)
    with torch.no_grad():
        for a, b in zip(other.eval()(x), model.eval()(x), strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('name', WINDOWS)
@pytest.mark.parametrize(
    'golden', ['dense_small_window14', 'dense_small_hybrid14'], indirect=True
)
def test_golden_outputs(golden: GoldenCase, name: str) -> None:
    model = CANDIDATES[name](build_golden(golden).eval())
    with torch.no_grad():
        for i, out in enumerate(model(golden.input())):
            assert golden.relative_error(f'eval{i}', out) <= 1e-4


@pytest.mark.parametrize('kind', ['video', 'light'])
def test_pointwise_as_linear_of_other_kinds(kind: str) -> None:
    model = build(kind).eval()
    other = CANDIDATES['linear'](copy.deepcopy(model))
    x = random_input(kind, 2, 64, 96)
    for a, b in zip(other(x), model(x), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
