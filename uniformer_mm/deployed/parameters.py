"""The weight and bias of a layer that takes in a norm, a gain or a sum."""

from __future__ import annotations

from typing import Any

from torch import Tensor

__all__ = [
    'Values',
    'norm_after',
    'norm_before',
    'times_gain',
    'values_of',
    'with_identity',
]

Values = tuple[Tensor, Tensor]  # a weight and a bias, float64


def values_of(layer: Any) -> Values:
    """Return the weight and the bias of a layer, 0 if it has none."""
    weight = layer.weight.double()
    if layer.bias is None:
        return weight, weight.new_zeros(weight.shape[0])
    return weight, layer.bias.double()


def norm_after(weight: Tensor, bias: Tensor, norm: Any) -> Values:
    """Let a convolution (out, in, ...) do the norm that comes after it."""
    scale, shift = _scale_and_shift(norm)
    return _times_rows(scale, weight), bias * scale + shift


def norm_before(weight: Tensor, bias: Tensor, norm: Any) -> Values:
    """Let a projection (out, in, 1, ...) do the norm that comes before it."""
    scale, shift = _scale_and_shift(norm)
    # (out, in, 1, ...) -> (out, in)
    bias = bias + weight.flatten(1) @ shift
    # (in,) -> (in, 1, ...)
    return weight * scale.view(-1, *[1] * (weight.ndim - 2)), bias


def with_identity(weight: Tensor, bias: Tensor) -> Values:
    """Return one convolution for x + conv(x); weight (C, 1, [3,] 3, 3)."""
    weight = weight.clone()
    # The tap that sees the pixel itself: the middle of each channel's kernel.
    middle: Any = (..., *(k // 2 for k in weight.shape[2:]))
    weight[middle] += 1
    return weight, bias


def times_gain(weight: Tensor, bias: Tensor, gamma: Tensor) -> Values:
    """Let a projection (out, ...) do the gain that comes after it."""
    gamma = gamma.double().flatten()  # (1, C, 1, 1) -> (C,)
    return _times_rows(gamma, weight), gamma * bias


def _scale_and_shift(norm: Any) -> Values:
    """Return what a batch norm multiplies and adds, (C,) float64 each."""
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    shift = -norm.running_mean.double() * scale
    return scale, shift if norm.bias is None else shift + norm.bias.double()


def _times_rows(factors: Tensor, weight: Tensor) -> Tensor:
    # (out,) -> (out, 1, ...)
    return factors.view(-1, *[1] * (weight.ndim - 1)) * weight
