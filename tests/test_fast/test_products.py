"""Linear layers in training: products and gradients are those of torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.fast_runs import assert_close, operations
from uniformer_mm.fast import linear, products
from uniformer_mm.fast.leaves import call
from uniformer_mm.models.layers import pointwise

MULTIPLY = 'mkldnn::_linear_pointwise'
pytestmark = pytest.mark.skipif(
    not linear.AVAILABLE, reason='weights are packed on x86 alone'
)


@pytest.fixture(autouse=True)
def _it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, 'LEAST_TOKENS', 1)
    monkeypatch.setattr(products, 'mkl_lacks_avx512', lambda: True)


def gradients(y: Tensor, *of: Tensor | None) -> list[Tensor]:
    torch.manual_seed(1)
    leaves = [x for x in of if x is not None]
    return list(torch.autograd.grad(y, leaves, torch.randn(y.shape)))


@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('out', [4, 16])  # narrower and wider than 8
@pytest.mark.parametrize('shape', [(5, 8), (2, 3, 8), (2, 3, 4, 8), (0, 8)])
def test_tokens(shape: tuple[int, ...], out: int, bias: bool) -> None:
    layer = nn.Linear(8, out, bias)
    x = torch.randn(shape, requires_grad=True)
    of = (x, layer.weight, layer.bias)
    got, expected = call(layer, x), layer(x)
    assert got.requires_grad
    assert_close(got, expected)
    assert_close(gradients(got, *of), gradients(expected, *of))


@pytest.mark.parametrize(('ndim', 'calls'), [(2, 1), (3, 0)])
def test_maps(ndim: int, calls: int) -> None:
    layer = pointwise(ndim, 8, 16)
    x = torch.randn(2, *(3, 5, 7)[-ndim:], 8).movedim(-1, 1)
    x.requires_grad_()
    of = (x, layer.weight, layer.bias)
    got, expected = call(layer, x), layer(x)
    assert operations(lambda: call(layer, x))[MULTIPLY] == calls
    assert got.stride() == expected.stride()
    assert_close(got, expected)
    assert_close(gradients(got, *of), gradients(expected, *of))


def test_what_comes_out_may_be_written_over() -> None:
    layer, x = nn.Linear(8, 16), torch.randn(2, 3, 8, requires_grad=True)
    got, expected = F.relu_(call(layer, x)), F.relu(layer(x))
    assert_close(gradients(got, x), gradients(expected, x))


def test_only_what_is_wanted_is_computed() -> None:
    layer, x = nn.Linear(8, 16).requires_grad_(False), torch.randn(5, 8)
    assert not call(layer, x).requires_grad
    y = call(layer, x.requires_grad_())
    assert operations(lambda: y.sum().backward())[MULTIPLY] == 1
    assert layer.weight.grad is None


def test_gradients_that_lie_anyhow_in_memory() -> None:
    layer, x = nn.Linear(8, 16), torch.randn(8, 5).T.requires_grad_()
    for of in (x, layer.weight):
        got, expected = (
            torch.autograd.grad(run(x).sum(), of)[0]  # expanded from one
            for run in (partial(call, layer), layer)
        )
        assert_close(got, expected)
        assert got.is_contiguous()


def test_gradients_of_gradients() -> None:
    def penalty(run: Callable[..., Any]) -> list[Tensor]:
        torch.manual_seed(0)
        x, weight = torch.randn(5, 8), torch.randn(16, 8)
        leaves = [x.requires_grad_(), weight.requires_grad_()]
        y = run(x, weight, None).square().sum()
        grads = torch.autograd.grad(y, leaves, create_graph=True)
        total = sum(g.square().sum() for g in grads)
        return gradients(total, *leaves)

    assert_close(penalty(products.product), penalty(F.linear))


@pytest.mark.parametrize('change', ['processor', 'dtype', 'tokens'])
def test_elsewhere_it_is_torch_s(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x = nn.Linear(8, 16), torch.randn(5, 8)
    if change == 'processor':
        monkeypatch.setattr(products, 'mkl_lacks_avx512', lambda: False)
    elif change == 'dtype':
        layer, x = layer.double(), x.double()
    else:
        monkeypatch.setattr(linear, 'LEAST_TOKENS', 6)
    assert operations(lambda: call(layer, x))[MULTIPLY] == 0
    assert torch.equal(call(layer, x), layer(x))
