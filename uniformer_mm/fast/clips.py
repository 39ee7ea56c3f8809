"""Convolutions of a single clip in inference on a CPU.

For one video of few channels torch takes a kernel of its own, by the size of
three of its four axes. It is up to ten times slower than oneDNN's, and leaves
channels-last memory, which the layers behind then have to restore.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from uniformer_mm.fast.leaves import fast_layer
from uniformer_mm.fast.linear import onednn_is_on

__all__ = ['convolve_clip']


@fast_layer(nn.Conv3d, grad=False)
def convolve_clip(layer: nn.Conv3d, x: Tensor) -> Any:
    """(1, C, T, H, W) -> (1, out, T', H', W')."""
    padding = layer.padding
    if not (
        isinstance(padding, tuple)
        and layer.padding_mode == 'zeros'
        and layer.groups == 1  # of others it is oneDNN's anyway
        # Else torch tells why.
        and x.ndim == 5
        and x.shape[1] == layer.in_channels
        and all(
            size + 2 * pad > (kernel - 1) * step
            for size, pad, kernel, step in zip(
                x.shape[2:],
                padding,
                layer.kernel_size,
                layer.dilation,
                strict=True,
            )
        )
        and len(x) == 1
        and x.dtype == torch.float32
        and onednn_is_on(x)
    ):
        return NotImplemented
    return torch.mkldnn_convolution(
        x,
        layer.weight,
        layer.bias,
        padding,
        layer.stride,
        layer.dilation,
        layer.groups,
    )
