"""The compiled models against what the official code computes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.modes import freeze
from tests.support.golden import GoldenCase, build, every_case
from tests.support.markers import needs_compiler
from uniformer_mm import deploy
from uniformer_mm.engine import CompileBackboneHook

# Of every kind, without a compiler; inductor takes minutes per case.
QUICK = [
    'cls_small_plus',
    'dense_light_xxs',
    'dense_small_global_odd',
    'dense_small_hybrid14',
    'video_small_split_std',
]


@pytest.fixture(autouse=True)
def _fresh_compiler() -> None:
    torch.compiler.reset()


def assert_golden(golden: GoldenCase, model: Any) -> None:
    with torch.no_grad():
        outs = model(golden.input())
    outs = (outs,) if isinstance(outs, Tensor) else outs
    for i, out in enumerate(outs):
        assert golden.relative_error(f'eval{i}', out) <= 1e-4


def compiled(golden: GoldenCase, backend: str) -> Any:
    model = build(golden).eval()
    # The classifier calls its backbone's features, so all of it is compiled.
    options = CompileBackboneHook(backend=backend).options
    model.compile(fullgraph=True, **options)
    return model


@pytest.mark.parametrize('golden', QUICK, indirect=True)
def test_golden_outputs(golden: GoldenCase) -> None:
    assert_golden(golden, compiled(golden, 'aot_eager'))


@pytest.mark.slow
@needs_compiler
@every_case
def test_golden_outputs_of_inductor(golden: GoldenCase) -> None:
    assert_golden(golden, compiled(golden, 'inductor'))


@pytest.mark.slow
@needs_compiler
@every_case
def test_golden_outputs_of_frozen_graphs(golden: GoldenCase) -> None:
    model = deploy(build(golden).eval())
    model.compile(fullgraph=True)
    freeze(model, golden.input())
    assert_golden(golden, model)
