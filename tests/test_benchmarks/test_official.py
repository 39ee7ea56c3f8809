"""The yardstick is the official model, and ours in other words."""

from __future__ import annotations

import pytest
import torch

from benchmarks.modes import official_of
from tests.support.golden import CASES, DENSE, GoldenCase, backbone_of, build
from tests.support.models import (
    KINDS,
    assert_same_gradients,
    random_input,
    random_loss,
)
from tests.support.models import build as build_tiny

# There is no released model with split attention; the yardstick has none.
NAMES = [name for name in CASES if 'split' not in name]


@pytest.mark.parametrize('golden', NAMES, indirect=True)
def test_golden_outputs_and_ours(golden: GoldenCase) -> None:
    model = build(golden).eval()
    ours = backbone_of(model)
    official = official_of(ours)
    x = golden.input()
    with torch.no_grad():
        outs, state = ours.forward_features(x)
        expected = official(x)
        for a, b in zip(outs, expected, strict=True):
            assert ((a - b).abs().max() / b.abs().max()).item() <= 1e-5
        if golden.name not in DENSE:
            ours.forward_features = lambda _: (expected, state)
            expected = (model(x),)
    for i, out in enumerate(expected):
        assert golden.relative_error(f'eval{i}', out) <= 1e-4


@pytest.mark.parametrize('kind', [k for k in KINDS if k != 'split'])
def test_training_step_is_ours(kind: str) -> None:
    ours = build_tiny(kind)
    official = official_of(ours)
    x = random_input(kind, 2, 80, 96)
    for model in (ours, official):
        random_loss(model(x)).backward()
    assert_same_gradients(ours, official, 1e-4)


def test_maps_are_nchw_and_the_matrix_is_stored() -> None:
    official = official_of(build_tiny('image', attention='global')).eval()
    matrices = []
    official.blocks3[0].attn.register_forward_hook(
        lambda _, __, out: matrices.append(out[1])
    )
    for out in official(random_input('image', 2, 80, 96)):
        assert out.is_contiguous()
    assert matrices[0].shape == (2, 2, 30, 30)
