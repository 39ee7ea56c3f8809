"""Convolutions of patches that do not overlap, in inference on a CPU.

Their kernel is their stride, so patches laid out one after the other are the
rows of a matrix, and the convolution is a product. oneDNN's convolution
rearranges the whole weight in each call, which takes longer than to multiply
a few hundred patches by it; its product does not.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from uniformer_mm.fast.leaves import fast_layer
from uniformer_mm.fast.linear import AVAILABLE, multiply_by, onednn_is_on

__all__ = ['multiply_patches']

# Smaller weights are rearranged in no time; to lay out patches takes longer
# than the convolution of a few, and than what is saved for many.
LEAST_WEIGHTS = 2**16
PATCHES = range(16, 1024)


@fast_layer(nn.Conv2d, nn.Conv3d, grad=False)
def multiply_patches(layer: Any, x: Tensor) -> Any:
    """(N, C, [T,] H, W) -> (N, out, [T',] H', W')."""
    weight, bias, kernel = layer.weight, layer.bias, layer.kernel_size
    if not (
        is_of_patches(layer)
        and AVAILABLE
        and weight.numel() >= LEAST_WEIGHTS
        and onednn_is_on(x)
        # oneDNN is told no strides of a bias.
        and (bias is None or bias.is_contiguous())
        # Else torch tells why.
        and x.ndim == weight.ndim
        and x.shape[1] == layer.in_channels
        # Else laying out patches takes longer than it saves.
        and x.movedim(1, -1).is_contiguous()
    ):
        return NotImplemented
    count = len(x)
    for side, size in zip(x.shape[2:], kernel, strict=True):
        count *= side // size
    if count not in PATCHES:
        return NotImplemented
    # What fills no patch is dropped, as by the convolution.
    for axis, size in enumerate(kernel, start=2):
        x = x.unfold(axis, size, size)
    # (N, C, [T',] H', W', [kt,] kh, kw) -> (N, [T',] H', W', [kt,] kh, kw, C)
    x = x.movedim(1, -1)
    sizes = x.shape[: 1 + len(kernel)]
    rows = x.reshape(count, -1, x.shape[-1])  # (L, K, C)
    # In a weight as torch makes it channels come before the kernel's pixels:
    # the smaller one of both factors is turned over.
    if weight.is_contiguous() and count < len(weight):
        rows = rows.mT  # (L, C, K)
    else:
        weight = weight.movedim(1, -1)
    weight = weight.detach().flatten(1).contiguous()
    y = multiply_by(weight, rows.flatten(1), bias)
    # (L, out) -> (N, [T',] H', W', out) -> (N, out, [T',] H', W')
    return y.view(*sizes, -1).movedim(-1, 1)


def is_of_patches(layer: Any) -> bool:
    """Whether a convolution sees each pixel once, by a kernel of several."""
    return (
        layer.kernel_size == layer.stride
        and set(layer.kernel_size) != {1}
        and set(layer.padding) == {0}
        and set(layer.dilation) == {1}
        and layer.groups == 1
    )
