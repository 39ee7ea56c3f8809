"""What watches or replaces functions for all layers gets the plain forward."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import graph
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

from tests.support.fast_runs import (
    assert_close,
    counted,
    make_everything_pay,
)
from tests.support.models import build, random_input
from tests.support.modes import disagreement
from tests.support.small import many_tokens, small
from uniformer_mm import fast
from uniformer_mm.models.attention import Attention
from uniformer_mm.models.blocks import AttentionBlock
from uniformer_mm.models.layers import DropPath, Mlp

X = random_input('image', 1, 64, 64)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_everything_pay(monkeypatch)


def louder(function: Callable[..., Any]) -> Callable[..., Any]:
    def loud(*args: Any, **kwargs: Any) -> Any:
        return 1.5 * function(*args, **kwargs)

    return loud


@pytest.mark.parametrize(
    ('owner', 'name'),
    [
        (nn.Linear, 'forward'),
        (nn.Conv2d, 'forward'),
        (nn.Conv2d, '_conv_forward'),
        (nn.GELU, 'forward'),
        (nn.Dropout, 'forward'),
        (nn.LayerNorm, 'forward'),
        (_BatchNorm, 'forward'),
        # On the class of some layers alone, where torch has none of its own.
        (nn.BatchNorm2d, 'forward'),
        (nn.Linear, '__call__'),
        (nn.Conv2d, '_call_impl'),
        (nn.GELU, '__call__'),
        (Mlp, '__call__'),
        (DropPath, '__call__'),
        (F, 'batch_norm'),
        (F, 'linear'),
        (F, 'conv2d'),
        (F, 'gelu'),
        (F, 'scaled_dot_product_attention'),
        (Attention, 'attend'),
        (AttentionBlock, 'attend'),
    ],
)
def test_what_is_replaced_for_all_layers_counts(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = small('image'), many_tokens('image')
    before = model(x)
    monkeypatch.setattr(owner, name, louder(getattr(owner, name)))
    outs, wrong = disagreement(lambda: nullcontext(model), x)
    assert not wrong
    assert not torch.allclose(outs[3], before[3], rtol=1e-3)


class Louder(TorchFunctionMode):
    """Makes what the function of that name returns larger."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        return 1.5 * out if func.__name__ == self.name else out


@pytest.mark.parametrize('name', ['linear', 'conv2d', 'gelu', 'add'])
def test_modes_see_each_function(name: str) -> None:
    model, x = small('image'), many_tokens('image')
    with Louder(name):
        _, wrong = disagreement(lambda: nullcontext(model), x)
    assert not wrong


def test_a_default_device_leaves_the_fast_forms_on() -> None:
    with torch.no_grad(), torch.device('cpu'), counted() as count:
        build('image').eval()(X)
    assert count['conv_block']


def test_a_method_of_a_users_gets_the_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However it was wrapped: what it keeps there stays."""
    original = Attention.attend

    @functools.wraps(original)
    def attend(self: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        self.queries = q
        return original(self, q, k, v)

    monkeypatch.setattr(Attention, 'attend', attend)
    model = build('image').eval()
    with torch.no_grad():
        model(X)
    attentions = [m for m in model.modules() if isinstance(m, Attention)]
    assert all(hasattr(attention, 'queries') for attention in attentions)


def test_a_layer_that_is_compiled_in_place_is_called_as_that() -> None:
    graphs = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    model = build('image').eval()
    block = model.blocks1[0]
    for layer in (block.conv1, block.mlp.fc1, model.blocks3[0].attn.qkv):
        layer.compile(backend=backend)
    with torch.no_grad():
        model(X)
    assert len(graphs) == 3


@pytest.mark.parametrize('layout', ['to_sparse', 'to_sparse_csr'])
def test_sparse_weights(layout: str) -> None:
    model, x = small('image'), many_tokens('image')
    before = [out.detach() for out in model(x)]
    for layer in (model.blocks3[0].mlp.fc1, model.blocks3[0].attn.qkv):
        weight = getattr(layer.weight.detach(), layout)()
        layer.weight = nn.Parameter(weight, requires_grad=False)
    outs, wrong = disagreement(lambda: nullcontext(model), x)
    assert not wrong
    assert_close(outs, before)


def saved(run: Callable[[], object]) -> int:
    """Numbers that a user's hooks see when autograd saves tensors."""
    sizes: list[int] = []

    def pack(x: Tensor) -> Tensor:
        sizes.append(x.numel())
        return x

    with graph.saved_tensors_hooks(pack, lambda x: x):
        run()
    return sum(sizes)


@pytest.mark.skipif(
    not hasattr(torch._C._autograd, '_top_saved_tensors_default_hooks'),
    reason='torch tells it from 2.8 on',
)
def test_hooks_on_saved_tensors_see_all_of_them() -> None:
    # Without windows, which save less where they do without padding.
    model = build('layer_scale').train()
    numbers = saved(lambda: model(X))
    with fast.plain():
        assert numbers == saved(lambda: model(X))


def test_training_where_hooks_on_saved_tensors_are_forbidden() -> None:
    expected = build('image').train()(X)
    with graph.disable_saved_tensors_hooks('none here'):
        outs = build('image').train()(X)
    assert_close(outs, expected)


def test_checkpoints_keep_the_fast_forms_of_training() -> None:
    model = build('image').train()
    with counted() as count:
        checkpoint(model, X, use_reentrant=False)
    assert count['recomputing_mlp']
