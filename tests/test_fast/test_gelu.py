"""GELU: fast in every memory order, and computed again in training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from benchmarks.memory import peak_bytes
from uniformer_mm import fast
from uniformer_mm.fast.gelu import gelu_then
from uniformer_mm.fast.leaves import call
from uniformer_mm.models.layers import Mlp, pointwise

# Shape of the input and the kind of layer, as blocks use them.
CASES: list[Any] = [
    pytest.param((2, 5, 7, 8), nn.Linear, id='tokens'),
    pytest.param((2, 8, 5, 7), partial(pointwise, 2), id='images'),
    pytest.param((2, 8, 3, 5, 7), partial(pointwise, 3), id='videos'),
]
CPU = torch.device('cpu')


@pytest.mark.parametrize('shape', [(2, 8, 5, 7), (2, 8, 3, 5, 7), (4, 8)])
@pytest.mark.parametrize('channels_last', [False, True])
def test_maps_in_every_memory_order(
    shape: tuple[int, ...], channels_last: bool
) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape)
    if channels_last:
        x = x.movedim(1, -1).contiguous().movedim(-1, 1)
    x.requires_grad_()
    got, expected = call(nn.GELU(), x), F.gelu(x)
    assert got.stride() == x.stride()
    torch.testing.assert_close(got, expected)
    weights = torch.randn(shape)
    torch.testing.assert_close(
        torch.autograd.grad(got, x, weights),
        torch.autograd.grad(expected, x, weights),
    )


def test_maps_are_handed_over_as_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contiguous: list[bool] = []
    gelu = F.gelu

    def spy(x: Tensor) -> Tensor:
        contiguous.append(x.is_contiguous())
        return gelu(x)

    monkeypatch.setattr(F, 'gelu', spy)
    x = torch.randn(2, 5, 7, 8).movedim(-1, 1)
    assert not x.is_contiguous()
    call(nn.GELU(), x)
    assert contiguous == [True]


def test_lines_with_gaps() -> None:
    x = torch.randn(8)[::2]
    assert torch.equal(call(nn.GELU(), x), F.gelu(x))


def plain(mlp: Mlp, x: Tensor) -> Tensor:
    with fast.plain():
        y: Tensor = mlp(x)
    return y


def gradients(
    mlp: Mlp, forward: Callable[[Tensor], Tensor], x: Tensor
) -> list[Tensor]:
    """The output and the gradients of a random combination of it."""
    torch.manual_seed(1)
    x = x.detach().requires_grad_()
    out = forward(x)
    weights = torch.randn(out.shape).to(out)
    grads = torch.autograd.grad(out, (x, *mlp.parameters()), weights)
    return [out, *grads]


def assert_same(got: list[Tensor], expected: list[Tensor]) -> None:
    for a, b in zip(got, expected, strict=True):
        assert b.abs().max() > 0
        assert torch.equal(a, b)


@pytest.mark.parametrize('drop_rate', [0.0, 0.5])
@pytest.mark.parametrize('channels_last', [False, True])
@pytest.mark.parametrize(('shape', 'linear'), CASES)
def test_gradients_are_those_of_the_plain_layers(
    shape: tuple[int, ...], linear: Any, channels_last: bool, drop_rate: float
) -> None:
    x = torch.randn(shape)
    if channels_last:
        x = x.movedim(1, -1).contiguous().movedim(-1, 1)
    mlp = Mlp(8, 32, drop_rate, linear)
    expected = gradients(mlp, partial(plain, mlp), x)
    got = gradients(mlp, mlp, x)
    if channels_last and linear is not nn.Linear:
        # There torch has another kernel for the GELU.
        torch.testing.assert_close(got, expected)
    else:
        assert_same(got, expected)


@pytest.mark.parametrize('reentrant', [False, True])
def test_inside_of_a_checkpoint(reentrant: bool) -> None:
    mlp, x = Mlp(8, 32, 0.0), torch.randn(2, 5, 8)

    def forward(x: Tensor) -> Any:
        return checkpoint(mlp, x, use_reentrant=reentrant)

    def backward(forward: Callable[[Tensor], Tensor]) -> list[Tensor]:
        mlp.zero_grad()
        leaf = x.clone().requires_grad_()
        (forward(leaf) * torch.linspace(-1, 1, 8)).sum().backward()
        grads = [leaf.grad, *(p.grad for p in mlp.parameters())]
        return [grad for grad in grads if grad is not None]

    got, expected = backward(forward), backward(partial(plain, mlp))
    assert len(got) == 5
    assert_same(got, expected)


def test_under_autocast() -> None:
    mlp, x = Mlp(8, 32, 0.0), torch.randn(2, 5, 8)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        expected = gradients(mlp, partial(plain, mlp), x)
        got = gradients(mlp, mlp, x)
    assert got[0].dtype == torch.bfloat16
    assert_same(got, expected)


def test_twice_through_one_graph() -> None:
    mlp, x = Mlp(8, 32, 0.0), torch.randn(2, 5, 8)
    (mlp(x) ** 2).sum().backward(retain_graph=False)
    once = [p.grad.clone() for p in mlp.parameters() if p.grad is not None]
    mlp.zero_grad()
    loss = (mlp(x) ** 2).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    twice = [p.grad for p in mlp.parameters() if p.grad is not None]
    assert len(twice) == 4
    assert_same(twice, [2 * grad for grad in once])


def test_gradients_of_gradients() -> None:
    weight = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    x = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)

    def function(x: Tensor, weight: Tensor) -> Tensor:
        return gelu_then(lambda y: F.linear(y, weight), x)

    assert torch.autograd.gradcheck(function, (x, weight))
    assert torch.autograd.gradgradcheck(function, (x, weight))


def test_an_mlp_keeps_one_hidden_activation() -> None:
    hidden = 4096
    # No weight is large: what counts are 64 x 4096 activations, of 1 MiB.
    model = nn.Sequential(*(Mlp(1, hidden, 0.0) for _ in range(4)))
    x = torch.randn(64, 1)
    widths = peak_bytes(lambda: model(x), CPU) / (64 * hidden * 4)
    # Each layer's input of the GELU, and one output at a time.
    assert widths == pytest.approx(5, abs=0.2)
    model.eval()
    widths = peak_bytes(lambda: model(x), CPU) / (64 * hidden * 4)
    assert widths == pytest.approx(8, abs=0.2)


def test_what_the_layer_writes_over_is_kept() -> None:
    """A dropout in place, or an adapter, may change its input."""
    x = torch.randn(5, 8, requires_grad=True)
    weight = torch.randn(3, 8, requires_grad=True)

    def layer(y: Tensor) -> Tensor:
        return F.linear(y.mul_(2), weight)

    got = torch.autograd.grad(gelu_then(layer, x).sum(), (x, weight))
    expected = torch.autograd.grad(
        F.linear(2 * F.gelu(x), weight).sum(), (x, weight)
    )
    torch.testing.assert_close(got, expected)
