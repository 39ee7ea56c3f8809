"""Operators of compiled graphs that choose a fast form when they run.

Each stands for an operation of torch's, with the same result in the same order
in memory, and is given sizes that a graph may not know.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.library import Library, register_fake

from uniformer_mm.fast.attention import attend_by_head, attending_by_head_pays
from uniformer_mm.fast.depthwise import gradient_of_input, gradient_of_weight
from uniformer_mm.fast.linear import (
    multiply_by,
    multiply_turned,
    onednn_is_on,
    product_pays,
    readable,
)
from uniformer_mm.fast.tiles import split_tokens

__all__ = ['ATTEND', 'CLIP', 'MLP', 'OF_INPUT', 'OF_WEIGHT', 'PRODUCT']

NAME = 'uniformer_mm'
# Else torch.compile may hand over inputs in another order in memory.
TAGS = (torch.Tag.pt2_compliant_tag, torch.Tag.needs_exact_strides)
library: Any = Library(NAME, 'FRAGMENT')  # type: ignore[no-untyped-call]
for _schema in (
    'product(Tensor x, Tensor weight, Tensor? bias, bool gelu) -> Tensor',
    'mlp(Tensor x, Tensor weight1, Tensor? bias1, Tensor weight2, '
    'Tensor? bias2) -> Tensor',
    'attend(Tensor q, Tensor k, Tensor v) -> Tensor',
    'convolve_clip(Tensor x, Tensor weight, Tensor? bias, int[] stride, '
    'int[] padding, int[] dilation) -> Tensor',
    'depthwise_of_input(Tensor grad, Tensor weight) -> Tensor',
    'depthwise_of_weight(Tensor x, Tensor grad, Tensor weight) -> Tensor',
):
    library.define(_schema, tags=TAGS)


def product(
    x: Tensor, weight: Tensor, bias: Tensor | None, gelu: bool
) -> Tensor:
    """(..., C), (out, C), (out,) -> (..., out), in any order in memory."""
    if product_pays(x, weight, bias):
        if x.ndim == 2 and x.mT.is_contiguous() and bias is None and not gelu:
            return multiply_turned(x, weight)
        return multiply_by(readable(weight), x.contiguous(), bias, gelu=gelu)
    y = F.linear(x, weight, bias)
    return F.gelu(y) if gelu else y


def mlp(
    x: Tensor,
    weight1: Tensor,
    bias1: Tensor | None,
    weight2: Tensor,
    bias2: Tensor | None,
) -> Tensor:
    """(..., C) -> (..., out), two products around a GELU, in tiles."""

    def run(some: Tensor) -> Tensor:
        hidden = product(some, weight1, bias1, True)
        return product(hidden, weight2, bias2, False)

    x = x.contiguous()
    tiles = list(split_tokens(x))
    if len(tiles) == 1:
        return run(x)
    y = x.new_empty(*x.shape[:-1], weight2.shape[0])
    for (some,), (out,) in zip(tiles, split_tokens(y), strict=True):
        out.copy_(run(some))
    return y


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """3 x (B, heads, L, D) -> the same, of tokens that lie side by side."""
    if attending_by_head_pays(q):
        # (B, L, C) -> (B, L, heads, D) -> (B, heads, L, D)
        b, heads, length, _ = q.shape
        y = attend_by_head(q, k, v).view(b, length, heads, -1)
        return y.transpose(1, 2)
    y = F.scaled_dot_product_attention(q, k, v)
    # Torch's lies as the queries do.
    return y.transpose(1, 2).contiguous().transpose(1, 2)


def convolve_clip(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
) -> Tensor:
    """(1, C, T, H, W) -> (1, out, T', H', W'), in channels-last memory."""
    if onednn_is_on(x):
        y = torch.mkldnn_convolution(
            x, weight, bias, padding, stride, dilation, groups=1
        )
    else:
        y = F.conv3d(x, weight, bias, stride, padding, dilation)
    return y.contiguous(memory_format=torch.channels_last_3d)


def depthwise_of_input(grad: Tensor, weight: Tensor) -> Tensor:
    """(N, C, [T,] H, W), (C, 1, [K,] K, K) -> (N, C, [T,] H, W)."""
    y = gradient_of_input(grad, weight)
    # On one thread torch's 3D convolutions leave channels-last memory.
    return y.movedim(1, -1).contiguous().movedim(-1, 1)


def depthwise_of_weight(x: Tensor, grad: Tensor, weight: Tensor) -> Tensor:
    """2 x (N, C, [T,] H, W) -> (C, 1, [K,] K, K)."""
    if x.shape[-1] >= weight.shape[-1] // 2:
        return gradient_of_weight(x, grad, weight).contiguous()
    ones, zeros = [1] * (x.ndim - 2), [0] * (x.ndim - 2)
    gradient: Tensor = torch.ops.aten.convolution_backward(
        *(grad, x, weight, None),
        *(ones, [n // 2 for n in weight.shape[2:]], ones, False, zeros),
        *(len(weight), [False, True, False]),
    )[1]
    return gradient.contiguous()


for _function in (
    product,
    mlp,
    attend,
    convolve_clip,
    depthwise_of_input,
    depthwise_of_weight,
):
    library.impl(_function.__name__, _function, 'CPU')

PRODUCT = torch.ops.uniformer_mm.product.default
MLP = torch.ops.uniformer_mm.mlp.default
ATTEND = torch.ops.uniformer_mm.attend.default
CLIP = torch.ops.uniformer_mm.convolve_clip.default
OF_INPUT = torch.ops.uniformer_mm.depthwise_of_input.default
OF_WEIGHT = torch.ops.uniformer_mm.depthwise_of_weight.default


@register_fake(f'{NAME}::product')
def _(x: Tensor, weight: Tensor, *_others: Any) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0])


@register_fake(f'{NAME}::mlp')
def _(x: Tensor, _w1: Tensor, _b1: Any, weight2: Tensor, _b2: Any) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight2.shape[0])


@register_fake(f'{NAME}::attend')
def _(q: Tensor, _k: Tensor, v: Tensor) -> Tensor:
    b, heads, length, _ = q.shape
    return q.new_empty(b, length, heads, v.shape[3]).transpose(1, 2)


@register_fake(f'{NAME}::convolve_clip')
def _(
    x: Tensor,
    weight: Tensor,
    bias: Any,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
) -> Tensor:
    y = F.conv3d(x, weight, bias, stride, padding, dilation)
    return torch.empty_like(y, memory_format=torch.channels_last_3d)


@register_fake(f'{NAME}::depthwise_of_input')
def _(grad: Tensor, _weight: Tensor) -> Tensor:
    # As above whatever the order of ``grad``, which inductor may change.
    n, c, *sizes = grad.shape
    return grad.new_empty(n, *sizes, c).movedim(-1, 1)


@register_fake(f'{NAME}::depthwise_of_weight')
def _(_x: Tensor, _grad: Tensor, weight: Tensor) -> Tensor:
    return weight.new_empty(weight.shape)
