"""What the two kinds of deformable convolution share.

torchvision's operator has mmcv's layout of offsets and its results, but for
one slope.

Shapes: features ``(N, C, H, W)``, weight ``(C_out, C / groups, kH, kW)``, bias
``(C_out,)``, output ``(N, C_out, H_out, W_out)``, offset ``(N, 2 * D * kH *
kW, H_out, W_out)`` with y before x, in cells, and mask ``(N, D * kH * kW,
H_out, W_out)``, where D is the number of groups of channels with offsets of
their own. All are of one floating type, on the CPU or CUDA. Types below
float32 are computed in float32 and rounded once. On CUDA the sums of gradients
run in no fixed order.

Both functions raise RuntimeError where torchvision finds that shapes do not
fit, and ImportError where torchvision is missing or does not match torch.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from uniformer_mm.compat.sampling import NOWHERE
from uniformer_mm.compat.torchvision_ops import (
    to_kernel_dtype,
    torchvision_ops,
)


class Geometry(NamedTuple):
    """The last arguments of torchvision's operators, in their order."""

    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int
    groups: int
    offset_groups: int
    use_mask: bool


def convolve(
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    output: Tensor,
    geometry: Geometry,
) -> None:
    """Overwrite ``output``."""
    inputs = _kernel_inputs(features, weight, offset, mask, bias)
    output.copy_(torchvision_ops().deform_conv2d(*inputs, *geometry))


def gradients(
    grad_output: Tensor,
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    geometry: Geometry,
) -> list[Tensor]:
    """Return the gradients of features, weight, offset, mask and bias."""
    inputs = _kernel_inputs(features, weight, offset, mask, bias)
    # Under autocast torchvision 0.29 sums up those of weights in bfloat16.
    with without_autocast(grad_output.device):
        grads: list[Tensor] = list(
            torchvision_ops()._deform_conv2d_backward(
                to_kernel_dtype(grad_output), *inputs, *geometry
            )
        )
    grads[2] = _without_outer_edge(
        grads[2], inputs[2], weight.shape[2:], geometry
    )
    return grads


def without_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context without autocast, which some devices have not."""
    if not torch.amp.autocast_mode.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def _without_outer_edge(
    grad: Tensor, offset: Tensor, kernel: torch.Size, geometry: Geometry
) -> Tensor:
    """Return the gradient of ``offset``, 0 for what looks at -1.

    There, one cell before the map, its slope jumps from 0. torchvision takes
    the slope towards the map, mmcv 0; new layers, whose offsets are all 0,
    look there along all of their padding.
    """
    device, edges = offset.device, []
    shape = (len(offset), geometry.offset_groups, *kernel, 2)
    positions = offset.reshape(*shape, *offset.shape[2:])
    for axis, (stride, pad, dilation) in enumerate(
        zip(geometry[:2], geometry[2:4], geometry[4:6], strict=True)
    ):
        # (kH, 1, H_out, 1) or (1, kW, 1, W_out)
        taps = torch.arange(kernel[axis], device=device) * dilation - pad
        cells = torch.arange(offset.shape[2 + axis], device=device) * stride
        size = [1] * 4
        size[axis], size[2 + axis] = len(taps), len(cells)
        start = (taps[:, None] + cells).reshape(size)
        edges.append(positions[:, :, :, :, axis] + start == -1)
    edge = torch.stack(edges, 4).reshape(offset.shape)
    return grad.masked_fill(edge, 0)


def _kernel_inputs(
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
) -> list[Tensor]:
    """Return the five tensors of torchvision's operators."""
    if mask is None:
        mask = features.new_zeros(len(features), 1)
    if bias is None:
        bias = features.new_zeros(len(weight))
    # torchvision reads anywhere in memory for nan; as in mmcv, what looks
    # nowhere sees 0.
    offset = to_kernel_dtype(offset).nan_to_num(NOWHERE, NOWHERE, NOWHERE)
    tensors = (features, weight, offset, mask, bias)
    return [to_kernel_dtype(tensor) for tensor in tensors]
