"""The seam between plain models and what makes them faster.

A model marks a forward with ``@fast_path(name)``. That forward is the
reference: it runs unless something here knows a faster way that is exact for
this very module and this very call. Two kinds of ways are registered, by the
files beside this one or by anybody:

- ``@fast_form(name)``: a function that stands for the whole forward. It says
  what it ``needs`` its children to be, and gets no say in the rest.
- ``@fast_layer(cls)``: a function that stands for the call of a leaf layer of
  torch's. The forward itself then runs as it is written, on a ``View`` of its
  module whose leaf layers are called in the fast way.

All rules stand in this file, once: graphs, transformations, watchers and
autocast get the plain forward (``is_plain_run``), and so does a layer that a
user has touched (``is_untouched``). ``plain()`` switches everything off, and
so does ``UNIFORMER_MM_FAST=0`` in the environment.
"""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MethodType
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.modules import module as torch_module
from torch.utils._python_dispatch import _get_current_dispatch_mode

__all__ = [
    'AS_WRITTEN',
    'call',
    'fast_form',
    'fast_layer',
    'fast_path',
    'graph_form',
    'graph_path',
    'in_float32',
    'in_weights_dtype',
    'is_hooked',
    'is_named',
    'is_on',
    'is_untouched',
    'named',
    'plain',
    'wanted_of',
]

PACKAGE = 'uniformer_mm.'
SWITCH = 'UNIFORMER_MM_FAST'
HOOKS = (
    '_forward_hooks',
    '_forward_pre_hooks',
    '_backward_hooks',
    '_backward_pre_hooks',
)
# Methods of torch's that users replace on a module itself.
PATCHES = ('forward', '_conv_forward', '_call_impl')
GLOBAL_HOOKS = [getattr(torch_module, f'_global{name}') for name in HOOKS]
AS_WRITTEN = object()
Function = TypeVar('Function', bound=Callable[..., Any])
Fits = Callable[[nn.Module], bool]
_on = ContextVar(SWITCH, default=os.environ.get(SWITCH) != '0')


class Wanted(NamedTuple):
    """Device and dtype of an input; None where any may do."""

    device: torch.device | None = None
    dtype: torch.dtype | None = None


class _Form(NamedTuple):
    """A function that stands for a forward."""

    run: Callable[..., Any]
    needs: tuple[tuple[tuple[str, ...], Fits], ...]
    grad: bool
    autocast: bool


class _Layer(NamedTuple):
    """A function that stands for the call of a leaf layer."""

    run: Callable[..., Any]
    grad: bool | None


_FORMS: dict[tuple[str | None, str], list[_Form]] = defaultdict(list)
_LAYERS: dict[str, dict[type, list[_Layer]]] = {}
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


def fast_form(
    name: str,
    *,
    grad: bool,
    needs: Mapping[str, Fits],
    device: str | None = 'cpu',
    autocast: bool = False,
) -> Callable[[Function], Function]:
    """Register a function that stands for the forwards marked ``name``.

    It is called as the forward is, with the module first, and returns
    ``NotImplemented`` before it has done anything where it does not pay, or
    ``AS_WRITTEN`` where nothing may stand for the forward and its layers.

    Args:
        name: That of ``fast_path``.
        grad: Whether it is for calls with gradients enabled, or without.
        needs: What it takes for granted: a child by its (dotted) name, and
            whether a module in that place is of the right class, settings
            and mode. That nobody has touched it is looked after here.
        device: Type of the device of the input, None for any.
        autocast: Whether it is exact under autocast too.
    """
    paths = tuple((tuple(key.split('.')), fits) for key, fits in needs.items())

    def register(run: Function) -> Function:
        _FORMS[device, name].append(_Form(run, paths, grad, autocast))
        return run

    return register


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
            device = x.device.type
            grad = torch.is_grad_enabled()
            cast = torch.is_autocast_enabled(device)
            for key in ((device, name), (None, name)):
                for form in _FORMS.get(key, ()):
                    if (
                        form.grad is grad
                        and (form.autocast or not cast)
                        and _meets(module, form.needs, x)
                    ):
                        y = form.run(module, x, *rest)
                        if y is AS_WRITTEN:
                            return forward(module, x, *rest)
                        if y is not NotImplemented:
                            return y
            layers = None if cast else _LAYERS.get(device)
            if layers is None:
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
    """Give a forward a name, and no more than that; see ``is_named``."""

    def mark(forward: Function) -> Function:
        _NAMES[forward] = name
        return forward

    return mark


def is_named(module: nn.Module, name: str) -> bool:
    """Whether ``module`` is of the very class whose forward is ``name``.

    So that forms can tell the models' own classes, which they don't import.
    """
    # By the function, not by a mark on it, which ``functools.wraps`` copies.
    return _NAMES.get(vars(type(module)).get('forward')) == name


def call(layer: nn.Module, x: Tensor) -> Any:
    """Call a leaf layer, in the fast way where that is exact and pays."""
    forms = _LAYERS.get(x.device.type, {}).get(type(layer), ())
    if (
        forms
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
        # Methods of a user's subclass get their module: they may call super().
        if (
            isinstance(value, MethodType)
            and value.__self__ is viewed
            and value.__func__.__module__.startswith(PACKAGE)
        ):
            return MethodType(value.__func__, self)
        return value


def is_plain_run() -> bool:
    """Whether calls compute values now, and nothing but values.

    Not so where torch traces, where ``torch.func`` or forward-mode
    differentiation transform, and where something looks at each operation (a
    FLOP counter knows the usual ones alone) or at each module.
    """
    return (
        not any(GLOBAL_HOOKS)
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and _get_current_dispatch_mode() is None  # type: ignore[no-untyped-call]
        and torch._C._functorch.peek_interpreter_stack() is None
        and forward_ad._current_level < 0
    )


def is_hooked(module: nn.Module) -> bool:
    """Whether a call of ``module`` is more than ``forward`` of its class."""
    state = vars(module)
    return any(name in state for name in PATCHES) or any(
        state[name] for name in HOOKS
    )


def wanted_of(embed: Any, x: Any) -> Wanted:
    """Return what an embedding wants of its input ``x``.

    That is said only where its weight meets ``x`` as it is: not in graphs, nor
    where hooks, wrappers or adapters stand between them.
    """
    proj = embed._modules.get('proj')
    layer = proj[0] if isinstance(proj, nn.Sequential) else proj
    if torch.compiler.is_compiling() or proj is None or layer is None:
        return Wanted()
    if any(is_hooked(module) for module in (embed, proj, layer)):
        return Wanted()
    weight = layer._parameters.get('weight')
    if type(weight) is not nn.Parameter or type(x) is not Tensor:
        return Wanted()
    device, dtype = weight.device, weight.dtype
    is_cast = (
        x.device == device
        and x.dtype != dtype
        # Asked last: of some devices torch refuses to say it.
        and torch.is_autocast_enabled(device.type)
    )
    return Wanted(device, None if is_cast else dtype)


def is_untouched(module: nn.Module, x: Tensor) -> bool:
    """Whether a call of ``module`` is ``forward`` of its class, on plain data.

    Its parameters and buffers must be torch's own tensors where ``x`` is, in
    its dtype. Weight norm, pruning and the like have hooks, or other classes.
    """
    if is_hooked(module):
        return False
    for held in (module._parameters, module._buffers):
        for tensor in held.values():
            if tensor is None:
                continue
            if type(tensor) not in (nn.Parameter, Tensor):
                return False
            if tensor.is_floating_point() and tensor.dtype != x.dtype:
                return False
            if tensor.device != x.device:
                return False
    return True


def _meets(
    module: nn.Module,
    needs: tuple[tuple[tuple[str, ...], Fits], ...],
    x: Tensor,
) -> bool:
    for path, fits in needs:
        child: Any = module
        for name in path:
            child = child._modules.get(name)
            if child is None:
                return False
        if not fits(child) or not is_untouched(child, x):
            return False
    return True
