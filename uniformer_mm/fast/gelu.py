"""GELU at its full speed on a CPU, and with one activation kept, not two.

oneDNN's kernel is faster than torch's own, and is used for contiguous memory
alone, so channels-last maps are handed over as tokens.

A layer after a GELU needs the GELU's output for its gradients, and the GELU
needs its own input: two activations of an MLP's hidden width, the widest of
all. The one follows from the other by one cheap operation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import Function
from torch.autograd.graph import saved_tensors_hooks

from uniformer_mm.fast.kinds import is_gelu
from uniformer_mm.fast.leaves import call, fast_layer

__all__ = ['gelu_then']


@fast_layer(nn.GELU)
def gelu(layer: nn.GELU, x: Tensor) -> Any:
    """(N, C, ...) or (..., C) -> same."""
    return _in_memory_order(F.gelu, x) if is_gelu(layer) else NotImplemented


@fast_layer(nn.Sequential)
def sequence(layers: nn.Sequential, x: Tensor) -> Any:
    """Stems have their GELU in one of these."""
    for layer in layers:
        x = call(layer, x)
    return x


def _in_memory_order(
    function: Callable[..., Tensor], x: Tensor, *others: Tensor
) -> Tensor:
    """Call an elementwise function in the order that ``x`` has in memory."""
    if x.ndim < 3 or x.is_contiguous():
        return function(x, *others)
    # (N, C, ...) -> (N, ..., C) -> (N, C, ...)
    tokens = (y.movedim(1, -1) for y in (x, *others))
    return function(*tokens).movedim(-1, 1)


def gelu_then(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ``layer(gelu(x))``, and keep ``x`` alone for the backward pass.

    What ``layer`` saves of its input, whole or as a view, is replaced, unless
    it has written over it; its other tensors are not. Gradients are the same
    to the last bit.
    """
    y: Tensor = _Gelu.apply(x)  # type: ignore[no-untyped-call]
    node, address, numel = y.grad_fn, y.data_ptr(), y.numel()
    version = y._version
    outputs = [y]  # until the layer has run: what packs lives on

    def pack(saved: Tensor) -> Any:
        same = (saved.data_ptr(), saved.numel()) == (address, numel)
        if same and outputs[0]._version == version:
            return saved.size(), saved.stride()
        return saved.detach()  # as torch asks, to avoid cycles

    def unpack(packed: Any) -> Tensor:
        if isinstance(packed, Tensor):
            return packed
        y = _in_memory_order(F.gelu, _input_of(node))
        return y.as_strided(*packed)

    with saved_tensors_hooks(pack, unpack):
        result = layer(y)
    outputs.clear()
    return result


class _Gelu(Function):
    """GELU, whose node hands out its input."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return _in_memory_order(F.gelu, x)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor], _output: Tensor
    ) -> None:
        ctx.save_for_backward(*inputs)
        ctx.unpacked = None

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x = _input_of(ctx)
        ctx.unpacked = None
        return _in_memory_order(torch.ops.aten.gelu_backward, grad, x)


def _input_of(node: Any) -> Tensor:
    # Activation checkpoints let each saved tensor be unpacked only once.
    if node.unpacked is None:
        (node.unpacked,) = node.saved_tensors
    x: Tensor = node.unpacked
    return x
