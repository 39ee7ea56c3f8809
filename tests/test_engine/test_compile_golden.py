"""The compiled models against what the official code computes."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch import Tensor

from tests.golden_cases import GoldenCase
from tests.test_backbones.test_golden import build, every_case
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


def assert_golden(golden: GoldenCase, backend: str) -> None:
    model = build(golden).eval()
    # The classifier calls its backbone's features, so all of it is compiled.
    options = CompileBackboneHook(backend=backend).options
    model.compile(fullgraph=True, **options)
    with torch.no_grad():
        outs = model(golden.input())
    outs = (outs,) if isinstance(outs, Tensor) else outs
    for i, out in enumerate(outs):
        assert golden.relative_error(f'eval{i}', out) <= 1e-4


@pytest.mark.parametrize('golden', QUICK, indirect=True)
def test_golden_outputs(golden: GoldenCase) -> None:
    assert_golden(golden, 'aot_eager')


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which('g++') is None, reason='inductor needs g++ on a CPU'
)
@every_case
def test_golden_outputs_of_inductor(golden: GoldenCase) -> None:
    assert_golden(golden, 'inductor')
