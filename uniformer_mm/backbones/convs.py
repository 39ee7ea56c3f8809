"""Convolutions and norms of maps, for images and for videos.

Re-implemented from the paper (arXiv 2201.09450) and from the facts of the
official release (github.com/Sense-X/UniFormer at 52a0415, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm.backbones.depthwise import composing_pays, depthwise_conv
from uniformer_mm.backbones.packed import Packable

__all__ = [
    'BATCH_NORMS',
    'CONVS',
    'MEMORY_FORMATS',
    'POINTWISE_CONVS',
    'POSITION_EMBEDS',
    'depthwise',
    'per_axis',
    'pointwise',
]

Layer = Callable[..., nn.Module]
CONVS: dict[int, Layer] = {2: nn.Conv2d, 3: nn.Conv3d}
MEMORY_FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}
BATCH_NORMS: dict[int, Layer] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def per_axis(ndim: int, time: int, space: int) -> tuple[int, ...]:
    """Return (space, space) for images, (time, space, space) for videos."""
    return (time,) * (ndim - 2) + (space, space)


class _Pointwise(Packable):
    """Convolution of kernel 1 on maps, or on tokens.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
    """

    bias: Tensor | None

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) -> (N, out_channels, ...), or (L, C) -> (L, ...)."""
        if x.ndim == 2:
            if self.packing_pays(x):
                return self.multiply(x)
            # (out, in, 1, ...) -> (out, in)
            return F.linear(x, self.weight.flatten(1), self.bias)
        if x.ndim == self.weight.ndim:  # else a map without a batch
            tokens = x.movedim(1, -1)  # (N, C, ...) -> (N, ..., C)
            if self.packing_pays(tokens) and tokens.is_contiguous():
                # (N, ..., out_channels) -> (N, out_channels, ...)
                return self.multiply(tokens).movedim(-1, 1)
        return super().forward(x)


class _Depthwise(nn.Module):
    """Depthwise convolution that keeps the size of the map.

    Args:
        dim (int): Channels.
        kernel (int): Side of the kernel, odd.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__(dim, dim, kernel, padding=kernel // 2, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> same."""
        if composing_pays(x, self.weight):
            return depthwise_conv(x, self.weight, self.bias)
        return super().forward(x)


class _PositionEmbed(_Depthwise):
    """Add a depthwise convolution of kernel 3 of the map to the map.

    Args:
        dim (int): Channels.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> same."""
        return x + super().forward(x)


# Each derives from torch's class itself, since MMEngine's init_cfg knows a
# layer by its own name and those of its direct bases.
class PointwiseConv2d(_Pointwise, nn.Conv2d):
    """``_Pointwise`` for images."""


class PointwiseConv3d(_Pointwise, nn.Conv3d):
    """``_Pointwise`` for videos."""


class DepthwiseConv2d(_Depthwise, nn.Conv2d):
    """``_Depthwise`` for images."""


class DepthwiseConv3d(_Depthwise, nn.Conv3d):
    """``_Depthwise`` for videos."""


class PositionEmbed2d(_PositionEmbed, nn.Conv2d):
    """``_PositionEmbed`` for images."""


class PositionEmbed3d(_PositionEmbed, nn.Conv3d):
    """``_PositionEmbed`` for videos."""


POINTWISE_CONVS: dict[int, Layer] = {2: PointwiseConv2d, 3: PointwiseConv3d}
DEPTHWISE_CONVS: dict[int, Layer] = {2: DepthwiseConv2d, 3: DepthwiseConv3d}
POSITION_EMBEDS: dict[int, Layer] = {2: PositionEmbed2d, 3: PositionEmbed3d}


def pointwise(ndim: int, in_channels: int, out_channels: int) -> nn.Module:
    """Return a convolution of kernel 1, for maps and for tokens (L, C)."""
    return POINTWISE_CONVS[ndim](in_channels, out_channels)


def depthwise(ndim: int, dim: int, kernel: int) -> nn.Module:
    """Return a depthwise convolution that keeps the size of the map."""
    return DEPTHWISE_CONVS[ndim](dim, kernel)
