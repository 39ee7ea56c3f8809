"""The models against what the official code computes."""

from __future__ import annotations

import pytest
import torch

from tests.support.golden import (
    CASES,
    DENSE,
    GoldenCase,
    backbone_of,
    build,
    dense_cases,
    every_case,
)
from uniformer_mm import ARCHS, UniFormer, UniFormerLight


def test_there_are_cases() -> None:
    assert len(CASES) == 15
    assert len(DENSE) == 7


@every_case
def test_parameters_are_the_official_ones(golden: GoldenCase) -> None:
    model = build(golden)
    shapes = {
        key.removeprefix('backbone.'): list(value.shape)
        for key, value in model.state_dict().items()
    }
    assert shapes == dict(golden.spec['state_dict'])
    count = sum(p.numel() for p in model.parameters())
    assert count == golden.spec['params']
    meta = golden.spec['meta']
    assert backbone_of(model).blocks4[0].attn.head_dim == meta.get(
        'head_dim', backbone_of(model).spec.head_dim
    )


@pytest.mark.parametrize('arch', sorted(ARCHS))
def test_declared_parameter_counts(arch: str) -> None:
    kind = UniFormerLight if ARCHS[arch].light else UniFormer
    with torch.device('meta'):
        model = kind(arch)
    assert sum(p.numel() for p in model.parameters()) == ARCHS[arch].params


@every_case
def test_outputs(golden: GoldenCase) -> None:
    with torch.no_grad():
        outs = build(golden).eval()(golden.input())
    outs = (outs,) if isinstance(outs, torch.Tensor) else outs
    for i, (out, expected) in enumerate(
        zip(outs, golden.spec['eval'], strict=True)
    ):
        assert list(out.shape) == expected['shape']
        assert golden.relative_error(f'eval{i}', out) <= 1e-4
        assert out.std(correction=0).item() == pytest.approx(
            expected['std'], rel=1e-4
        )


@dense_cases
@pytest.mark.parametrize('with_cp', [False, True])
def test_gradients(golden: GoldenCase, with_cp: bool) -> None:
    model = build(golden).train()
    if with_cp:
        model.num_checkpointed = model.spec.depths
    x = golden.input().requires_grad_()
    loss = golden.loss(model(x))
    loss.backward()
    expected = golden.spec['train']
    assert loss.item() == pytest.approx(expected['loss'], abs=1e-5)
    assert golden.relative_error('input_grad', x.grad) <= 1e-3
    norms = expected['grad_norm']
    # Gradients that are zero by mathematics show as rounding noise.
    floor = 1e-4 * max(norms.values())
    wrong = {
        name: (p.grad.norm().item(), norms[name])
        for name, p in model.named_parameters()
        if abs(p.grad.norm().item() - norms[name])
        > 1e-3 * max(norms[name], floor)
    }
    assert not wrong
    assert set(norms) == {name for name, _ in model.named_parameters()}
