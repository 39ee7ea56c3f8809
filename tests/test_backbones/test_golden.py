"""The backbone against what the official code computes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.golden_cases import GOLDEN, GoldenCase, fill_model
from uniformer_mm import ARCHS, UniFormer

CASES = sorted(p.stem for p in Path(GOLDEN).glob('dense_*.json'))

every_case = pytest.mark.parametrize('golden', CASES, indirect=True)


def build(case: GoldenCase) -> UniFormer:
    meta = case.spec['meta']
    model = UniFormer(
        meta['arch'],
        attention=meta['attention'],
        window_size=meta.get('window_size', 14),
        head_dim=meta['head_dim'],
    )
    return fill_model(model)


def test_there_are_cases() -> None:
    assert len(CASES) >= 5


@every_case
def test_parameters_are_the_official_ones(golden: GoldenCase) -> None:
    model = build(golden)
    assert {k: list(v.shape) for k, v in model.state_dict().items()} == dict(
        golden.spec['state_dict']
    )
    count = sum(p.numel() for p in model.parameters())
    assert count == golden.spec['params']
    assert count == ARCHS[golden.spec['meta']['arch']].params


@every_case
def test_outputs(golden: GoldenCase) -> None:
    with torch.no_grad():
        outs = build(golden).eval()(golden.input())
    assert len(outs) == len(golden.spec['eval'])
    for i, (out, expected) in enumerate(
        zip(outs, golden.spec['eval'], strict=True)
    ):
        assert list(out.shape) == expected['shape']
        assert golden.relative_error(f'eval{i}', out) <= 1e-4
        assert out.std(correction=0).item() == pytest.approx(
            expected['std'], rel=1e-4
        )


@every_case
@pytest.mark.parametrize('with_cp', [False, True])
def test_gradients(golden: GoldenCase, with_cp: bool) -> None:
    model = build(golden).train()
    if with_cp:
        model.num_checkpointed = tuple(
            len(model.get_submodule(f'blocks{i}')) for i in range(1, 5)
        )
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
