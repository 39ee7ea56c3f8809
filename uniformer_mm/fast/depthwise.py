"""Depthwise convolutions, with gradients that are fast on a CPU.

For gradients of weights oneDNN has a depthwise kernel for images and for at
most three columns, for gradients of inputs it has one for images. All else
goes through its kernel for any groups, which takes 5 to 30 times as long. So
here gradients are put together from convolutions that are fast: the mirrored
one for inputs, three columns at a time and frame by frame for weights.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import Function

from uniformer_mm.fast.kinds import is_depthwise
from uniformer_mm.fast.leaves import fast_layer
from uniformer_mm.fast.linear import onednn_is_on

__all__ = ['depthwise_conv', 'gradient_of_input', 'gradient_of_weight']


@fast_layer(nn.Conv2d, nn.Conv3d, grad=True)
def depthwise(layer: Any, x: Tensor) -> Any:
    """A depthwise convolution in training: (N, C, [T,] H, W) -> same."""
    kernel = layer.kernel_size[-1]
    if (
        is_depthwise(layer)
        # Of images' 3x3 torch's own gradients are as fast.
        and (kernel > 3 or layer.weight.ndim == 5)
        and x.ndim == layer.weight.ndim  # else a map without a batch
        and x.shape[1] == layer.in_channels  # else torch tells why
        and x.shape[-1] >= kernel // 2
        and x.dtype == torch.float32
        and onednn_is_on(x)
    ):
        return depthwise_conv(x, layer.weight, layer.bias)
    return NotImplemented


def depthwise_conv(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve each channel by its own kernel; the map keeps its size.

    Differentiable any number of times, in reverse mode.

    Args:
        x: (N, C, [T,] H, W), W at least K // 2.
        weight: (C, 1, [K,] K, K), K odd.
        bias: (C,), or None.

    Returns:
        Tensor: The shape of ``x``.
    """
    y: Tensor = _Depthwise.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return y


class _Depthwise(Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _convolve(x, weight, bias)

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
            if ctx.needs_input_grad[0]:
                of_x = gradient_of_input(grad, weight)
            if ctx.needs_input_grad[1]:
                of_weight = gradient_of_weight(x, grad, weight)
            if ctx.needs_input_grad[2]:
                of_bias = grad.sum((0, *range(2, grad.ndim)))
        return of_x, of_weight, of_bias


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    conv: Any = F.conv2d if x.ndim == 4 else F.conv3d
    padding = weight.shape[-1] // 2
    return conv(x, weight, bias, padding=padding, groups=weight.shape[0])


def gradient_of_input(grad: Tensor, weight: Tensor) -> Tensor:
    """(N, C, [T,] H, W), (C, 1, [K,] K, K) -> (N, C, [T,] H, W)."""
    mirrored = weight.flip(tuple(range(2, weight.ndim)))
    return _convolve(grad, mirrored, None)


def gradient_of_weight(x: Tensor, grad: Tensor, weight: Tensor) -> Tensor:
    """(N, C, [T,] H, W), W at least K // 2 -> (C, 1, [K,] K, K)."""
    of = _of_images if x.ndim == 4 else _of_clips
    return of(x, grad, weight)


def _of_images(x: Tensor, grad: Tensor, weight: Tensor) -> Tensor:
    """Gradient of a weight (C, 1, K, K); ``x`` is (N, C, H, W)."""
    reach = weight.shape[-1] // 2

    def column(shift: int) -> Tensor:
        # It meets pixels `shift` to the right of the output's.
        shifted = F.pad(grad, (shift, -shift))
        return _of_columns(x, shifted, weight[..., :1])

    return torch.cat(
        [
            *map(column, range(-reach, -1)),
            _of_columns(x, grad, weight[..., :3]),
            *map(column, range(2, reach + 1)),
        ],
        -1,
    )


def _of_clips(x: Tensor, grad: Tensor, weight: Tensor) -> Tensor:
    """Gradient of a weight (C, 1, K, K, K); ``x`` is (N, C, T, H, W)."""
    frames, reach = x.shape[2], weight.shape[2] // 2
    parts = []
    for shift in range(-reach, reach + 1):
        # This slice of the kernel meets frames `shift` after the output's.
        length = frames - abs(shift)
        if length <= 0:
            parts.append(torch.zeros_like(weight[:, :, 0]))
            continue
        images = _as_images(x, max(shift, 0), length)
        grads = _as_images(grad, max(-shift, 0), length)
        parts.append(_of_images(images, grads, weight[:, :, 0]))
    return torch.stack(parts, 2)


def _as_images(x: Tensor, start: int, length: int) -> Tensor:
    # (N, C, T, H, W) -> (N, T, H, W, C) -> (N * length, H, W, C)
    frames = x.movedim(1, -1).narrow(1, start, length)
    images = frames.reshape(-1, *frames.shape[2:])
    # -> (N * length, C, H, W)
    return images.movedim(-1, 1)


def _of_columns(x: Tensor, grad: Tensor, weight: Tensor) -> Tensor:
    """Gradient of a weight (C, 1, K, 1 or 3); ``x`` is (N, C, H, W)."""
    rows, columns = weight.shape[2:]
    gradient: Tensor = torch.ops.aten.convolution_backward(
        grad,
        x,
        weight,
        None,
        stride=[1, 1],
        padding=[rows // 2, columns // 2],
        dilation=[1, 1],
        transposed=False,
        output_padding=[0, 0],
        groups=weight.shape[0],
        output_mask=[False, True, False],
    )[1]
    return gradient
