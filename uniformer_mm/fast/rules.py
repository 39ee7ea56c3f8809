"""When a fast form may stand for what was written: all rules, once.

Two questions. Does a call compute plain values, with torch as it came
(``is_plain_run``, and ``keeps_saved_tensors`` in training)? Is a layer what
its class says, on plain data (``is_hooked``, ``is_untouched``)? What a user
has put between gets the plain forward.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.modules import module as torch_module
from torch.overrides import _get_current_function_mode_stack
from torch.utils._device import DeviceContext
from torch.utils._python_dispatch import _get_current_dispatch_mode

__all__ = [
    'is_hooked',
    'is_of_torch',
    'is_plain_run',
    'is_untouched',
    'keeps_saved_tensors',
    'replaced_in_torch',
]

HOOKS = (
    '_forward_hooks',
    '_forward_pre_hooks',
    '_backward_hooks',
    '_backward_pre_hooks',
)
GLOBAL_HOOKS = [getattr(torch_module, f'_global{name}') for name in HOOKS]
# What users replace on a module itself.
PATCHES = ('forward', '_conv_forward', '_call_impl')
# What calls the forward of any module; some replace it for layers of a class.
CALLS = ('__call__', '_wrapped_call_impl', '_call_impl')
CALLS_OF_TORCH = [(name, getattr(nn.Module, name)) for name in CALLS]
# Owner, name and what torch has there: fast forms call other functions, or
# these in tiles, and profilers, quantisers and the like replace them at once
# for all layers.
OF_TORCH = [
    (owner, name, getattr(owner, name))
    for owner, names in (
        (nn.Module, CALLS),
        (nn.Linear, ('forward',)),
        (nn.Conv2d, ('forward', '_conv_forward')),
        (nn.Conv3d, ('forward', '_conv_forward')),
        (nn.BatchNorm2d, ('forward',)),
        (nn.BatchNorm3d, ('forward',)),
        (nn.SyncBatchNorm, ('forward',)),
        (nn.LayerNorm, ('forward',)),
        (nn.GELU, ('forward',)),
        (nn.Dropout, ('forward',)),
        (nn.Identity, ('forward',)),
        (nn.Sequential, ('forward',)),
        (F, ('linear', 'conv2d', 'conv3d', 'gelu', 'dropout')),
        (F, ('scaled_dot_product_attention', 'batch_norm', 'layer_norm')),
    )
    for name in names
]
# From torch 2.8 on; before it nobody can tell.
_saving_hooks = getattr(
    torch._C._autograd, '_top_saved_tensors_default_hooks', lambda _: None
)


def is_plain_run() -> bool:
    """Whether calls compute values now, by torch's own functions.

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
        # A default device is one of these modes, and changes no values.
        and all(
            type(mode) is DeviceContext
            for mode in _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
        )
        and not replaced_in_torch()
    )


def replaced_in_torch() -> list[str]:
    """Name what is no longer as torch has it, such as 'Linear.forward'."""
    return [
        f'{owner.__name__.removeprefix("torch.nn.")}.{name}'
        for owner, name, original in OF_TORCH
        if getattr(owner, name, None) is not original
    ]


def keeps_saved_tensors() -> bool:
    """Whether what autograd saves is for it alone.

    Not so under ``torch.autograd.graph.save_on_cpu`` and other hooks, nor
    where hooks are forbidden. Those of activation checkpoints do no harm.
    """
    if not torch._C._autograd._saved_tensors_hooks_is_enabled():  # type: ignore[attr-defined]
        return False
    hooks = _saving_hooks(False)
    return hooks is None or hooks[0].__module__ == 'torch.utils.checkpoint'


def is_hooked(module: nn.Module) -> bool:
    """Whether a call of ``module`` is more than ``forward`` of its class."""
    state, kind = vars(module), type(module)
    return (
        not state.keys().isdisjoint(PATCHES)
        or any(map(state.get, HOOKS))
        or any(getattr(kind, name) is not of for name, of in CALLS_OF_TORCH)
    )


def is_of_torch(tensor: Tensor) -> bool:
    """Whether it is of no class that may compute otherwise."""
    return type(tensor) is nn.Parameter or type(tensor) is Tensor


def is_untouched(module: nn.Module, x: Tensor) -> bool:
    """Whether a call of ``module`` is ``forward`` of its class, on plain data.

    Its parameters and buffers must be torch's own dense tensors where ``x``
    is, in its dtype. Weight norm, pruning and the like have hooks, or other
    classes.
    """
    # What its ``compile`` sets computes the same, and is what shall run.
    if is_hooked(module) or '_compiled_call_impl' in vars(module):
        return False
    if not (module._parameters or module._buffers):
        return True
    dtype, device = x.dtype, x.device
    for held in (module._parameters, module._buffers):
        for tensor in held.values():
            if tensor is None:
                continue
            if not is_of_torch(tensor):
                return False
            if tensor.dtype is not dtype and tensor.is_floating_point():
                return False
            if tensor.device != device or tensor.layout is not torch.strided:
                return False
    return True
