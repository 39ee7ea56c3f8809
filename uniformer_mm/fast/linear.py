"""Linear layers of inference on a CPU, by oneDNN, with their weights packed.

oneDNN multiplies faster than the library behind ``torch.nn.functional.linear``
once a weight lies in blocks as its kernels read it, and its kernels apply a
GELU while the result is still in cache. Packing takes as long as multiplying
some hundred tokens, so it is done in each call with many tokens, and once for
all in the deployed form (``deployed/packed.py``), whose weights are final.

torch has operations for this, which are not public: ``torch.compile`` uses
them for weights that it may pack.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from uniformer_mm.fast.kinds import is_pointwise
from uniformer_mm.fast.leaves import fast_layer
from uniformer_mm.fast.processor import has_bf16

__all__ = [
    'PACKERS',
    'multiplies',
    'multiply',
    'multiply_packed',
    'pack',
    'pack_weight',
    'packing_pays',
    'tokens_of',
]

LEAST_TOKENS = 1024  # for a weight that is packed for one call
# Measured on x86 alone.
AVAILABLE = platform.machine() in ('x86_64', 'AMD64') and all(
    hasattr(torch.ops.mkldnn, name)
    for name in ('_linear_pointwise', '_reorder_linear_weight')
)


def pack_weight(weight: Tensor, tokens: int) -> Tensor:
    """Return a weight (out, C) as oneDNN reads it; ``tokens`` is a hint."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, tokens)
    return packed


def multiply_packed(
    x: Tensor, packed: Tensor, bias: Tensor | None, *, gelu: bool = False
) -> Tensor:
    """(..., C) -> (..., out), followed by a GELU on request."""
    # The last word is of the GELU: by the error function, not by tanh.
    then = ['gelu', [], 'none'] if gelu else ['none', [], '']
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, *then)
    return y


def pack(layer: Any) -> Tensor:
    """Return the weight (out, C) or (out, C, 1, ...) as oneDNN reads it."""
    # (out, C, 1, ...) -> (out, C)
    return pack_weight(layer.weight.detach().flatten(1), LEAST_TOKENS)


# Class of a layer -> what packs its weight. Layers that keep a packed weight
# add themselves.
PACKERS: dict[type, Callable[[Any], Tensor]] = {
    nn.Linear: pack,
    nn.Conv2d: pack,
    nn.Conv3d: pack,
}


def multiplies(layer: nn.Module) -> bool:
    """Whether ``layer`` does no more than multiply tokens by a weight."""
    return type(layer) in PACKERS and is_pointwise(layer)


def onednn_is_on(x: Tensor) -> bool:
    """Whether oneDNN may compute with ``x``, on a CPU.

    In float32, and in bf16 where the processor has it.
    """
    return (
        (
            x.dtype == torch.float32
            or (x.dtype == torch.bfloat16 and has_bf16())
        )
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and bool(torch.backends.mkldnn.enabled)
    )


def packing_pays(layer: Any, tokens: Tensor) -> bool:
    """Whether ``multiply`` may and should be used; tokens (..., C).

    ``layer`` is one that ``multiplies``, untouched, in a call without
    gradients.
    """
    bias = layer.bias
    return (
        AVAILABLE
        and onednn_is_on(tokens)
        and (
            PACKERS[type(layer)] is not pack
            or tokens.shape[:-1].numel() >= LEAST_TOKENS
        )
        # oneDNN is told no strides of a bias.
        and (bias is None or bias.is_contiguous())
        and tokens.shape[-1] == layer.weight.shape[1]  # else torch tells why
    )


def multiply(layer: Any, tokens: Tensor, *, gelu: bool = False) -> Tensor:
    """(..., C) -> (..., out), followed by a GELU on request."""
    packed = PACKERS[type(layer)](layer)
    return multiply_packed(tokens, packed, layer.bias, gelu=gelu)


def tokens_of(layer: Any, x: Tensor) -> Tensor | None:
    """(N, C, ...) -> (N, ..., C), if a convolution may be a product of them.

    That is, of kernel 1, and on a map whose tokens lie in memory as they are.
    """
    # A map without a batch has one axis less than the weight.
    if x.ndim != layer.weight.ndim or not multiplies(layer):
        return None
    tokens = x.movedim(1, -1)
    return tokens if tokens.is_contiguous() else None


@fast_layer(nn.Linear, grad=False)
def linear(layer: nn.Linear, x: Tensor) -> Any:
    """(..., in_features) -> (..., out_features)."""
    return multiply(layer, x) if packing_pays(layer, x) else NotImplemented


@fast_layer(nn.Conv2d, nn.Conv3d, grad=False)
def pointwise(layer: Any, x: Tensor) -> Any:
    """A convolution of kernel 1: (N, C, ...) -> (N, out, ...)."""
    tokens = tokens_of(layer, x)
    if tokens is None or not packing_pays(layer, tokens):
        return NotImplemented
    # (N, ..., out) -> (N, out, ...)
    return multiply(layer, tokens).movedim(-1, 1)
