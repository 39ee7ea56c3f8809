"""Functions that stand for whole forwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from uniformer_mm.fast.rules import is_untouched

__all__ = ['AS_WRITTEN', 'FORMS', 'Fits', 'fast_form', 'run_form']

AS_WRITTEN = object()
Function = TypeVar('Function', bound=Callable[..., Any])
Fits = Callable[[nn.Module], bool]


class _Form(NamedTuple):
    """A function that stands for a forward."""

    run: Callable[..., Any]
    needs: tuple[tuple[tuple[str, ...], Fits], ...]
    grad: bool
    autocast: bool


FORMS: dict[tuple[str | None, str], list[_Form]] = defaultdict(list)


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
        FORMS[device, name].append(_Form(run, paths, grad, autocast))
        return run

    return register


def run_form(name: str, module: nn.Module, x: Tensor, *rest: Any) -> Any:
    """Call the first form of ``name`` that may stand for this call.

    Returns:
        Any: What it returned; ``NotImplemented`` if none applies.
    """
    device = x.device.type
    grad = torch.is_grad_enabled()
    cast = torch.is_autocast_enabled(device)
    for key in ((device, name), (None, name)):
        for form in FORMS.get(key, ()):
            if (
                form.grad is grad
                and (form.autocast or not cast)
                and _meets(module, form.needs, x)
            ):
                y = form.run(module, x, *rest)
                if y is not NotImplemented:
                    return y
    return NotImplemented


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
