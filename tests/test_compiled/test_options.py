"""The options of ``torch.compile``: when there are any, and what they do."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.compiled import Holder
from tests.support.fast_runs import make_everything_pay, operations
from tests.support.markers import needs_compiler
from tests.support.models import (
    assert_same_gradients,
    build,
    random_input,
    random_loss,
)
from uniformer_mm import compile_options, deploy
from uniformer_mm.compiled import options
from uniformer_mm.engine import CompileBackboneHook
from uniformer_mm.fast import plain

PASS = 'post_grad_custom_pre_pass'
MULTIPLY = 'mkldnn::_linear_pointwise'
on_torch_s_hook = pytest.mark.skipif(
    not (options.AVAILABLE and hasattr(torch.Tag, 'needs_exact_strides')),
    reason='of x86, and of newer torch',
)


@pytest.fixture
def _slow_mkl(monkeypatch: pytest.MonkeyPatch) -> None:
    make_everything_pay(monkeypatch)
    monkeypatch.setattr(options, 'mkl_lacks_avx512', lambda: True)
    torch.compiler.reset()


@pytest.mark.usefixtures('_slow_mkl')
@on_torch_s_hook
def test_there_is_a_pass_where_mkl_is_slow() -> None:
    assert list(compile_options()) == [PASS]
    assert PASS in CompileBackboneHook().options['options']
    with plain():
        assert compile_options() == {}
        assert PASS not in CompileBackboneHook().options['options']


def test_there_is_none_where_mkl_is_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(options, 'mkl_lacks_avx512', lambda: False)
    assert compile_options() == {}


@on_torch_s_hook
@pytest.mark.usefixtures('_slow_mkl')
def test_graphs_in_torch_s_cache_are_told_apart() -> None:
    first, second = (compile_options()[PASS] for _ in range(2))
    assert first.uuid() == second.uuid()
    assert len(first.uuid()) == 32


class Weights(nn.Module):
    """Two layers, one of which is hooked."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 8)
        self.second.register_forward_hook(lambda _m, _x, y: 2 * y)

    def forward(self, x: Tensor) -> Any:
        return self.second(nn.functional.gelu(self.first(x)))


@needs_compiler
@on_torch_s_hook
@pytest.mark.usefixtures('_slow_mkl')
def test_weights_may_change_and_hooks_are_called() -> None:
    """With the cache of graphs on, beside graphs of torch's own."""
    model = Weights().eval()
    own = copy.deepcopy(model)
    own.compile()
    ours = copy.deepcopy(model)
    ours.compile(options=compile_options())
    x = torch.randn(256, 8)
    with torch.no_grad():
        for _ in range(2):
            expected = model(x)
            for each in (own, ours):
                torch.testing.assert_close(each(x), expected)
            for each in (model, own, ours):
                each.first.weight.mul_(2)
        counts = [
            operations(lambda each=each: each(x))[MULTIPLY]
            for each in (own, ours)
        ]
    assert counts[0] == 0
    assert counts[1] >= 2


@pytest.mark.slow
@needs_compiler
@on_torch_s_hook
@pytest.mark.usefixtures('_slow_mkl')
@pytest.mark.parametrize('kind', ['image', 'video', 'light'])
def test_inductor_infers(kind: str) -> None:
    model = deploy(build(kind).eval())
    other = Holder(copy.deepcopy(model))
    CompileBackboneHook().compile(other)
    for h, w in ((96, 128), (97, 64)):
        x = random_input(kind, 2, h, w)
        with torch.no_grad():
            torch.testing.assert_close(
                other.backbone(x), model(x), atol=1e-4, rtol=1e-4
            )


@pytest.mark.slow
@needs_compiler
@on_torch_s_hook
@pytest.mark.usefixtures('_slow_mkl')
@pytest.mark.parametrize('kind', ['image', 'video'])
def test_inductor_trains(kind: str) -> None:
    model = build(kind, norm_eval=True)
    other = copy.deepcopy(model)
    other.compile(options=compile_options())
    x = random_input(kind, 2, 96, 64)
    for each in (model, other):
        random_loss(each.train()(x)).backward()
    assert_same_gradients(other, model, 1e-4)
