"""Leaf layers of torch's, and the fast ways to call them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from uniformer_mm.fast.rules import is_untouched

__all__ = ['View', 'call', 'fast_layer', 'layers_of']

PACKAGE = 'uniformer_mm.'
Function = TypeVar('Function', bound=Callable[..., Any])


class _Layer(NamedTuple):
    """A function that stands for the call of a leaf layer."""

    run: Callable[..., Any]
    grad: bool | None


_LAYERS: dict[str, dict[type, list[_Layer]]] = {}


def fast_layer(
    *classes: type, grad: bool | None = None, device: str = 'cpu'
) -> Callable[[Function], Function]:
    """Register a function that stands for the call of a leaf layer.

    It is called with a layer of exactly one of ``classes`` that nobody has
    touched, and its input; it returns ``NotImplemented`` where it does not
    apply to the layer's settings, or does not pay.

    Args:
        classes: Of the layers.
        grad: Whether it is for calls with gradients enabled, or without; None
            for both.
        device: Type of the device of the input.
    """

    def register(run: Function) -> Function:
        layers = _LAYERS.setdefault(device, {})
        for cls in classes:
            layers.setdefault(cls, []).append(_Layer(run, grad))
        return run

    return register


def layers_of(device: str) -> Mapping[type, Any]:
    """The classes of layers with a fast way, and these ways."""
    return _LAYERS.get(device, {})


def call(layer: nn.Module, x: Tensor) -> Any:
    """Call a leaf layer, in the fast way where that is exact and pays."""
    forms = layers_of(x.device.type).get(type(layer), ())
    if (
        forms
        and type(x) is Tensor  # what a layer before returns may be another
        and is_untouched(layer, x)
        and not torch.is_autocast_enabled(x.device.type)
    ):
        grad = torch.is_grad_enabled()
        for form in forms:
            if form.grad in (None, grad):
                y = form.run(layer, x)
                if y is not NotImplemented:
                    return y
    return layer(x)


class View:
    """A module as its own forward sees it, leaf layers called fast."""

    def __init__(self, viewed: nn.Module, layers: Mapping[type, Any]) -> None:
        self.viewed = viewed
        self._layers = layers

    def __getattr__(self, name: str) -> Any:
        viewed = self.viewed
        child = viewed._modules.get(name)
        if child is not None:
            if type(child) in self._layers:
                return functools.partial(call, child)
            return child
        value = getattr(viewed, name)
        # Methods of a user's get their module: they may call super(), or keep
        # something on it. Not by ``__module__``, which ``wraps`` copies.
        if (
            isinstance(value, MethodType)
            and value.__self__ is viewed
            and isinstance(value.__func__, FunctionType)
            and value.__func__.__globals__['__name__'].startswith(PACKAGE)
        ):
            return MethodType(value.__func__, self)
        return value
