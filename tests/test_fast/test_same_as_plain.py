"""Fast forms give what the plain model gives, in every way of running it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch

from tests.support.fast_runs import (
    assert_close,
    counted,
    make_everything_pay,
    step,
)
from tests.support.golden import GoldenCase, every_case
from tests.support.golden import build as build_golden
from tests.support.models import build, every_kind, random_input
from tests.support.small import stir
from uniformer_mm import deploy, fast

every_thread = pytest.mark.parametrize('threads', [1, 2])


@every_kind
@every_thread
@pytest.mark.parametrize('deployed', [False, True])
@pytest.mark.parametrize(
    ('guard', 'size'),
    [
        (torch.no_grad, (2, 75, 101)),
        (torch.inference_mode, (1, 64, 64)),
        (torch.no_grad, (0, 64, 64)),
    ],
)
def test_inference(
    kind: str,
    threads: int,
    deployed: bool,
    guard: Callable[[], object],
    size: tuple[int, int, int],
    use_threads: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_everything_pay(monkeypatch)
    use_threads(threads)
    model = build(kind).eval()
    if deployed:
        deploy(model)
    x = random_input(kind, *size)
    before = x.clone()
    with guard():
        with fast.plain():
            expected = model(x)
        with counted() as count:
            got = model(x)
    assert_close(got, expected)
    assert torch.equal(x, before)
    assert count['conv_block'] == 2
    tiled = not model.spec.light
    assert count['attention_block'] == (5 if tiled else 0)


@every_kind
@every_thread
@pytest.mark.parametrize('with_cp', [False, True])
@pytest.mark.parametrize('training', [False, True])
def test_gradients_and_statistics(
    kind: str,
    threads: int,
    with_cp: bool,
    training: bool,
    use_threads: Callable[[int], None],
) -> None:
    use_threads(threads)
    model = build(kind, with_cp=with_cp).train(training)
    stir(model)
    other = copy.deepcopy(model)
    x = random_input(kind, 2, 65, 64)
    with counted() as count:
        got = step(model, x)
    with fast.plain():
        expected = step(other, x)
    zero = 1e-5 * max(v.abs().max() for v in expected.values())
    for name, value in expected.items():
        # Gradients that are zero by mathematics are rounding errors.
        error = (got[name] - value).abs().max()
        assert error <= max(zero, 2e-5 * value.abs().max()), name
    assert count['depthwise'] >= 2
    assert (count['recomputing_mlp'] > 0) == training


@every_case
@pytest.mark.parametrize('form', ['plain', 'fast', 'deployed'])
def test_golden_outputs(
    golden: GoldenCase, form: str, use_threads: Callable[[int], None]
) -> None:
    use_threads(2)  # on one, 3D convolutions leave channels-last memory
    model = build_golden(golden).eval()
    if form == 'deployed':
        deploy(model)
    with torch.no_grad(), fast.plain(form == 'plain'), counted() as count:
        outs = model(golden.input())
    assert bool(count) == (form != 'plain')
    outs = (outs,) if isinstance(outs, torch.Tensor) else outs
    for i, out in enumerate(outs):
        assert golden.relative_error(f'eval{i}', out) <= 1e-4
