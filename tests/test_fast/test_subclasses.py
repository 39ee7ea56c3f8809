"""Tensors of a class of one's own, which begin inside the model."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.fast_runs import make_everything_pay
from tests.support.modes import TOLERANCE, run
from tests.support.small import many_tokens, relative_error, small

LOUDER = ('linear', 'conv2d', 'gelu', 'layer_norm', 'mul')
MODES = ('gradients', 'no_grad')


class Louder(Tensor):
    """Makes larger what some functions of torch return, and is handed on."""

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = super().__torch_function__(func, types, args, kwargs or {})
        if func.__name__ in LOUDER:
            with torch._C.DisableTorchFunctionSubclass():
                out = (1.2 * out).as_subclass(cls)
        return out


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_everything_pay(monkeypatch)


def louder(_module: nn.Module, _args: Any, out: Any) -> Any:
    if isinstance(out, tuple):
        return tuple(each.as_subclass(Louder) for each in out)
    return out.as_subclass(Louder)


def assert_same_in_every_mode(model: nn.Module, x: Tensor, what: str) -> None:
    def call(x: Tensor) -> list[Tensor]:
        return [out.as_subclass(Tensor) for out in model(x)]

    expected = run('plain', call, x)
    for mode in MODES:
        error = relative_error(run(mode, call, x), expected)
        assert error <= TOLERANCE, (what, mode)


@pytest.mark.parametrize('kind', ['image', 'split', 'light_scale'])
def test_what_a_layer_returns_or_holds(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    for name, module in model.named_modules():
        if name.startswith(('blocks1.0', 'blocks3.1')):
            handle = module.register_forward_hook(louder)
            assert_same_in_every_mode(model, x, name)
            handle.remove()
    for name in ('blocks1.0.norm1', 'blocks1.0.attn', 'blocks3.1', 'norm4'):
        other = copy.deepcopy(model)
        own = other.get_submodule(name)._parameters
        for key in [key for key in own if own[key] is not None]:
            value = own[key].detach().as_subclass(Louder)
            own[key] = nn.Parameter(value)
        assert_same_in_every_mode(other, x, name)
