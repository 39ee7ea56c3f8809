"""Linear layers of inference on a CPU, by oneDNN.

Its kernels read a weight in blocks and apply a GELU while the result is still
in cache. It puts a weight into blocks in each call, which takes about as long
as multiplying some ten tokens, and half of that if its columns, not its rows,
lie one after the other in memory. So no copy of a weight is kept that could be
out of date.

torch has operations for this, which are not public: ``torch.compile`` uses
them. They are given weights as they are: what ``_reorder_linear_weight`` makes
is for a weight that is multiplied many times, since it looks for the best
kernel anew each time.
"""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor, nn

from uniformer_mm.fast.kinds import CONVS, is_pointwise
from uniformer_mm.fast.leaves import fast_layer
from uniformer_mm.fast.processor import has_bf16, mkl_lacks_avx512

__all__ = [
    'AVAILABLE',
    'LEAST_PRODUCTS',
    'multiplies',
    'multiply',
    'multiply_by',
    'multiply_turned',
    'multiplying_pays',
    'onednn_is_on',
    'pack_weight',
    'product_pays',
    'readable',
    'tokens_of',
]

LEAST_TOKENS = 1024
# Multiply-adds from which on it is the faster one beside half of a processor.
LEAST_PRODUCTS = 2**21
LAYERS = (nn.Linear, *CONVS)
# Measured on x86 alone.
AVAILABLE = platform.machine() in ('x86_64', 'AMD64') and all(
    hasattr(torch.ops.mkldnn, name)
    for name in ('_linear_pointwise', '_reorder_linear_weight')
)


def pack_weight(weight: Tensor, tokens: int) -> Tensor:
    """Return a weight (out, C) as oneDNN reads it; ``tokens`` is a hint."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, tokens)
    return packed


def multiply_by(
    weight: Tensor, x: Tensor, bias: Tensor | None, *, gelu: bool = False
) -> Tensor:
    """(..., C) -> (..., out), followed by a GELU on request.

    Args:
        weight: (out, C), ``readable`` (oneDNN takes a thousand times as long
            for others), or from ``pack_weight``.
        x: (..., C).
        bias: (out,), contiguous, or None.
        gelu: Whether to apply a GELU.
    """
    # The last word is of the GELU: by the error function, not by tanh.
    then = ['gelu', [], 'none'] if gelu else ['none', [], '']
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, *then)
    return y


def multiply_turned(x: Tensor, weight: Tensor) -> Tensor:
    """(L, C), (out, C) -> (L, out), where columns lie one after the other.

    As in the gradient of a weight, where C are tokens. oneDNN reads one of
    both as it is: the smaller one is turned over in memory.
    """
    if len(x) <= len(weight):
        return multiply_by(readable(weight), x.contiguous(), None)
    y = multiply_by(readable(x), weight.contiguous(), None)
    return y.mT.contiguous()


def readable(weight: Tensor) -> Tensor:
    """Return a weight (out, C) as it is, if its rows or columns are dense."""
    return weight if _is_readable(weight) else weight.contiguous()


def _is_readable(weight: Tensor) -> bool:
    # (out, C, 1, ...)
    return weight.is_contiguous() or weight.stride()[:2] == (1, len(weight))


def multiplies(layer: nn.Module) -> bool:
    """Whether ``layer`` does no more than multiply tokens by a weight."""
    return type(layer) in LAYERS and is_pointwise(layer)


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


def multiplying_pays(layer: Any, tokens: Tensor) -> bool:
    """Whether ``multiply`` may and should be used; tokens (..., C).

    ``layer`` is one that ``multiplies``, untouched.
    """
    return _is_readable(layer.weight) and product_pays(
        tokens, layer.weight, layer.bias
    )


def product_pays(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether ``multiply_by`` may and should be used for these numbers.

    It takes ``x`` (..., C) and ``weight`` (out, C, 1, ...) as if contiguous.
    """
    count = x.shape[:-1].numel()
    return (
        AVAILABLE
        and (
            count >= LEAST_TOKENS
            or (
                count * weight.numel() >= LEAST_PRODUCTS and mkl_lacks_avx512()
            )
        )
        and onednn_is_on(x)
        # oneDNN is told no strides of a bias.
        and (bias is None or bias.is_contiguous())
        and x.shape[-1] == weight.shape[1]  # else torch tells why
    )


def multiply(layer: Any, tokens: Tensor, *, gelu: bool = False) -> Tensor:
    """(..., C) -> (..., out), followed by a GELU on request."""
    # (out, C, 1, ...) -> (out, C)
    weight = layer.weight.detach().flatten(1)
    return multiply_by(weight, tokens, layer.bias, gelu=gelu)


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
    return multiply(layer, x) if multiplying_pays(layer, x) else NotImplemented


@fast_layer(nn.Conv2d, nn.Conv3d, grad=False)
def pointwise(layer: Any, x: Tensor) -> Any:
    """A convolution of kernel 1: (N, C, ...) -> (N, out, ...)."""
    tokens = tokens_of(layer, x)
    if tokens is None or not multiplying_pays(layer, tokens):
        return NotImplemented
    # (N, ..., out) -> (N, out, ...)
    return multiply(layer, tokens).movedim(-1, 1)
