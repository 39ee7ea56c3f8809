"""Whether code runs on values, or is written down, transformed, watched."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.forward_ad import unpack_dual
from torch.nn.modules import module as torch_module
from torch.utils._python_dispatch import _get_current_dispatch_mode

__all__ = [
    'holds_values',
    'in_graph',
    'is_hooked',
    'onednn_takes',
    'operations_are_watched',
]

HOOKS = (
    '_forward_hooks',
    '_forward_pre_hooks',
    '_backward_hooks',
    '_backward_pre_hooks',
)


def in_graph() -> bool:
    """Whether torch is compiling, exporting or tracing what runs.

    A graph keeps each branch on the size of a map, and each number of loops,
    as it was for the first input: what depends on sizes then has to be written
    with operations alone.
    """
    tracing: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return torch.compiler.is_compiling() or tracing


def holds_values(x: Tensor) -> bool:
    """Whether ``x`` is a plain tensor that holds its values, and no more.

    Fake tensors, those of ``torch.func`` and of other subclasses do not; dual
    tensors of forward-mode differentiation also hold a tangent.
    """
    if type(x) not in (Tensor, nn.Parameter):
        return False
    try:
        x.data_ptr()
    except RuntimeError:
        return False
    dual = unpack_dual(x)  # type: ignore[no-untyped-call]
    return dual.tangent is None


def onednn_takes(*tensors: Tensor) -> bool:
    """Whether oneDNN may compute with these values, on a CPU, in float32."""
    return (
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and bool(torch.backends.mkldnn.enabled)
        and not torch.is_autocast_enabled('cpu')
        and all(
            x.device.type == 'cpu'
            and x.dtype == torch.float32
            and holds_values(x)
            for x in tensors
        )
    )


def operations_are_watched() -> bool:
    """Whether something looks at each operation: a FLOP counter, say.

    It knows the usual operations of torch alone.
    """
    mode: object = _get_current_dispatch_mode()  # type: ignore[no-untyped-call]
    return mode is not None


def is_hooked(module: nn.Module) -> bool:
    """Whether a call of ``module`` is more than ``forward`` of its class."""
    return (
        'forward' in vars(module)
        or any(getattr(module, name) for name in HOOKS)
        or any(getattr(torch_module, f'_global{name}') for name in HOOKS)
    )
