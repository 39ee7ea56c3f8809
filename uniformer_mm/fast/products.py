"""Linear layers in training on a CPU, by oneDNN.

On AMD's processors MKL, behind torch's linear layers and their gradients, has
half of the speed of oneDNN, and so have gradients of 1x1 convolutions. The
product and both gradients are linear layers, each with another factor as its
weight.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function

from uniformer_mm.fast import linear
from uniformer_mm.fast.leaves import fast_layer
from uniformer_mm.fast.processor import mkl_lacks_avx512

__all__ = ['product']


def pays(layer: Any, tokens: Tensor) -> bool:
    """Whether ``product`` may and should be used; tokens (..., C)."""
    return (
        mkl_lacks_avx512()
        and tokens.dtype == torch.float32
        and linear.multiplying_pays(layer, tokens)
    )


@fast_layer(nn.Linear, grad=True)
def tokens(layer: nn.Linear, x: Tensor) -> Any:
    """(..., in_features) -> (..., out_features)."""
    if not pays(layer, x):
        return NotImplemented
    return product(x, layer.weight, layer.bias)


@fast_layer(nn.Conv2d, grad=True)
def maps(layer: Any, x: Tensor) -> Any:
    """A convolution of kernel 1: (N, C, H, W) -> (N, out, H, W).

    Not of videos: torch leaves some of these in another order in memory, which
    the random masks of a dropout follow.
    """
    y = linear.tokens_of(layer, x)
    if y is None or not pays(layer, y):
        return NotImplemented
    # (out, C, 1, 1) -> (out, C); (N, H, W, out) -> (N, out, H, W)
    weight = layer.weight.flatten(1)
    return product(y, weight, layer.bias).movedim(-1, 1)


def product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply tokens by a weight.

    Differentiable any number of times, in reverse mode.

    Args:
        x: (..., C), float32.
        weight: (out, C).
        bias: (out,), or None.

    Returns:
        Tensor: (..., out).
    """
    rows = x.flatten(0, -2)  # (..., C) -> (L, C)
    y: Tensor = _Product.apply(rows, weight, bias)  # type: ignore[no-untyped-call]
    # Layers may write over this: a view, but not one made inside.
    return y.view(*x.shape[:-1], len(weight))


class _Product(Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _multiply(x, weight, bias)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor, Any], _output: Tensor
    ) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        of_x = of_weight = of_bias = None
        # The forward pass was not cast, wherever the backward pass is called.
        with torch.autocast('cpu', enabled=False):
            # oneDNN's operation has no gradient itself.
            of_inputs, of_weights = (
                (_differentiable, _differentiable)
                if torch.is_grad_enabled()
                else (_multiply, linear.multiply_turned)
            )
            if ctx.needs_input_grad[0]:
                of_x = of_inputs(grad, weight.mT)
            if ctx.needs_input_grad[1]:
                of_weight = of_weights(grad.mT, x.mT)
            if ctx.needs_input_grad[2]:
                of_bias = grad.sum(0)
        return of_x, of_weight, of_bias


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(L, C), (out, C) -> (L, out)."""
    weight = linear.readable(weight.detach())
    return linear.multiply_by(weight, x.contiguous(), bias)


def _differentiable(x: Tensor, weight: Tensor) -> Tensor:
    return x @ weight.mT
