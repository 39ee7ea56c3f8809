"""The seam between plain models and what makes them faster.

A model marks a forward with ``@fast_path(name)``. That forward is the
reference: it runs unless something here knows a faster way that is exact for
this very module and this very call. Two kinds of ways are registered, by the
files beside this one or by anybody:

- ``@fast_form(name)`` (``forms``): a function that stands for the whole
  forward. It says what it ``needs`` its children to be, and gets no say in the
  rest.
- ``@fast_layer(cls)`` (``leaves``): a function that stands for the call of a
  leaf layer of torch's. The forward itself then runs as it is written, on a
  ``View`` of its module whose leaf layers are called in the fast way.

When neither may be is said once, in ``rules``: graphs, transformations and
watchers get the plain forward, and so does a layer that a user has touched.
``plain()`` switches everything off, and so does ``UNIFORMER_MM_FAST=0`` in the
environment.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from uniformer_mm.fast.forms import AS_WRITTEN, run_form
from uniformer_mm.fast.leaves import View, layers_of
from uniformer_mm.fast.rules import is_hooked, is_plain_run

__all__ = [
    'fast_path',
    'graph_form',
    'graph_path',
    'has_own',
    'in_float32',
    'in_weights_dtype',
    'is_named',
    'is_on',
    'named',
    'plain',
    'wanted_of',
]

SWITCH = 'UNIFORMER_MM_FAST'
Function = TypeVar('Function', bound=Callable[..., Any])
_on = ContextVar(SWITCH, default=os.environ.get(SWITCH) != '0')


class Wanted(NamedTuple):
    """Device and dtype of an input; None where any may do."""

    device: torch.device | None = None
    dtype: torch.dtype | None = None


_NAMES: dict[Any, str] = {}
_GRAPHS: dict[str, Callable[..., Any]] = {}
_ONNX: dict[str, Callable[..., Any]] = {}


def is_on() -> bool:
    """Whether fast forms may run, in this context."""
    return _on.get()


@contextmanager
def plain(off: bool = True) -> Iterator[None]:
    """Run plain forwards alone inside; ``off=False`` allows fast forms."""
    before = _on.set(not off)
    try:
        yield
    finally:
        _on.reset(before)


def graph_form(
    name: str, *, onnx: bool = False
) -> Callable[[Function], Function]:
    """Register what a ``graph_path`` function is in graphs.

    Args:
        name: That of ``graph_path``.
        onnx: In exports to ONNX alone, else where torch compiles or exports.
    """

    def register(run: Function) -> Function:
        (_ONNX if onnx else _GRAPHS)[name] = run
        return run

    return register


def fast_path(name: str) -> Callable[[Function], Any]:
    """Mark a forward (module, x, ...) as the reference of faster ones."""

    def mark(forward: Function) -> Any:
        @functools.wraps(forward)
        def run(module: Any, x: Any, *rest: Any) -> Any:
            if (
                torch.compiler.is_compiling()
                or not _on.get()
                or type(x) is not Tensor
                or x.is_meta
            ):
                return forward(module, x, *rest)
            if type(module) is View:
                module = module.viewed
            if not is_plain_run():
                return forward(module, x, *rest)
            y = run_form(name, module, x, *rest)
            if y is AS_WRITTEN:
                return forward(module, x, *rest)
            if y is not NotImplemented:
                return y
            device = x.device.type
            layers = layers_of(device)
            if not layers or torch.is_autocast_enabled(device):
                return forward(module, x, *rest)
            return forward(View(module, layers), x, *rest)

        return named(name)(run)

    return mark


def in_float32(forward: Function) -> Any:
    """Keep autocast away from a forward (module, x, ...) by ``module.fp32``.

    ``x`` then gets the dtype of the module's ``qkv``, and so does all that the
    forward computes.
    """

    @functools.wraps(forward)
    def run(module: Any, x: Tensor, *rest: Any) -> Any:
        if not module.fp32 or not torch.is_autocast_enabled(x.device.type):
            return forward(module, x, *rest)
        with torch.autocast(x.device.type, enabled=False):
            # Not by ``module.forward``, which a derived class calls this from.
            return forward(module, x.to(module.qkv.weight.dtype), *rest)

    return run


def in_weights_dtype(forward: Function) -> Any:
    """Let a forward (module, x) take what its weights are too narrow for.

    Where ``module.casts`` is set, ``x`` is cast to the dtype of the module's
    parameters, and the maps that come first are given in that of ``x``.
    """

    @functools.wraps(forward)
    def run(module: Any, x: Any) -> Any:
        if not (module.casts and torch.is_tensor(x) and x.is_floating_point()):
            return forward(module, x)
        weight = next(module.parameters())
        maps, state = forward(module, x.to(weight.dtype))
        return tuple(y.to(x.dtype) for y in maps), state

    return run


def graph_path(name: str) -> Callable[[Function], Any]:
    """Mark a function that ``graph_form`` has another statement of.

    A graph keeps each branch on the size of a map, and each number of loops,
    as it was for the first input.
    """

    def mark(function: Function) -> Any:
        @functools.wraps(function)
        def run(*args: Any) -> Any:
            if torch.onnx.is_in_onnx_export() and name in _ONNX:
                return _ONNX[name](*args)
            if torch.compiler.is_compiling() and name in _GRAPHS:
                return _GRAPHS[name](*args)
            return function(*args)

        return run

    return mark


def named(name: str) -> Callable[[Function], Function]:
    """Give a method a name, and no more than that; see ``is_named``."""

    def mark(method: Function) -> Function:
        _NAMES[method] = name
        return method

    return mark


def is_named(module: nn.Module, name: str, method: str = 'forward') -> bool:
    """Whether ``module`` is of the very class whose ``method`` is ``name``.

    So that forms can tell the models' own classes, which they don't import.
    """
    # By the function, not by a mark on it, which ``functools.wraps`` copies.
    return _NAMES.get(vars(type(module)).get(method)) == name


def has_own(module: nn.Module, method: str) -> bool:
    """Whether ``module`` has the ``method`` that a model calls by this name.

    It may be of a class that the module's is derived from.
    """
    own = getattr(type(module), method, None)
    return method not in vars(module) and _NAMES.get(own) == method


def wanted_of(embed: Any, x: Any) -> Wanted:
    """Return what an embedding wants of its input ``x``.

    That is said only where ``x`` has something else, and the weight meets it
    as it is: not in graphs, nor where hooks, wrappers or adapters stand
    between them.
    """
    # What scripted modules hold these in has no ``get``.
    if 'proj' not in embed._modules:
        return Wanted()
    proj = embed._modules['proj']
    layer = proj[0] if isinstance(proj, nn.Sequential) else proj
    if torch.compiler.is_compiling() or proj is None or layer is None:
        return Wanted()
    if 'weight' not in layer._parameters:
        return Wanted()
    weight = layer._parameters['weight']
    if type(weight) is not nn.Parameter or type(x) is not Tensor:
        return Wanted()
    device, dtype = weight.device, weight.dtype
    if (x.device, x.dtype) == (device, dtype):
        return Wanted()
    if any(is_hooked(module) for module in (embed, proj, layer)):
        return Wanted()
    is_cast = (
        x.device == device
        and x.dtype != dtype
        # Asked last: of some devices torch refuses to say it.
        and torch.is_autocast_enabled(device.type)
    )
    return Wanted(device, None if is_cast else dtype)
