"""Convolutions and norms of maps, for images and for videos.

Re-implemented from the paper (arXiv 2201.09450) and from the facts of the
official release (github.com/Sense-X/UniFormer at 52a0415, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm.backbones.depthwise import composing_pays, depthwise_conv

__all__ = [
    'BATCH_NORMS',
    'CONVS',
    'POSITION_EMBEDS',
    'depthwise',
    'per_axis',
    'pointwise',
]

Layer = Callable[..., nn.Module]
CONVS: dict[int, Layer] = {2: nn.Conv2d, 3: nn.Conv3d}
BATCH_NORMS: dict[int, Layer] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def per_axis(ndim: int, time: int, space: int) -> tuple[int, ...]:
    """Return (space, space) for images, (time, space, space) for videos."""
    return (time,) * (ndim - 2) + (space, space)


class PointwiseConv2d(nn.Conv2d):
    """Convolution of kernel 1 on images, or on tokens.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out_channels, H, W), or (L, C) -> (L, ...)."""
        return _on_tokens(self, x) if x.ndim == 2 else super().forward(x)


class PointwiseConv3d(nn.Conv3d):
    """Convolution of kernel 1 on videos, or on tokens.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, out_channels, ...), or (L, C) -> (L, ...)."""
        return _on_tokens(self, x) if x.ndim == 2 else super().forward(x)


def _on_tokens(conv: nn.Conv2d | nn.Conv3d, x: Tensor) -> Tensor:
    # (out, in, 1, ...) -> (out, in)
    return F.linear(x, conv.weight.flatten(1), conv.bias)


class DepthwiseConv2d(nn.Conv2d):
    """Depthwise convolution that keeps the size of an image's map.

    Args:
        dim (int): Channels.
        kernel (int): Side of the kernel, odd.
    """

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__(dim, dim, kernel, padding=kernel // 2, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> same."""
        if self.bias is not None and composing_pays(x, self.weight):
            return depthwise_conv(x, self.weight, self.bias)
        return super().forward(x)


class DepthwiseConv3d(nn.Conv3d):
    """Depthwise convolution that keeps the size of a video's map.

    Args:
        dim (int): Channels.
        kernel (int): Side of the kernel, odd.
    """

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__(dim, dim, kernel, padding=kernel // 2, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> same."""
        if self.bias is not None and composing_pays(x, self.weight):
            return depthwise_conv(x, self.weight, self.bias)
        return super().forward(x)


# MMEngine's init_cfg knows a layer by its own name and its direct bases.
class PositionEmbed2d(DepthwiseConv2d, nn.Conv2d):
    """Add a depthwise 3x3 convolution of an image's map to the map.

    Args:
        dim (int): Channels.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> same."""
        return x + super().forward(x)


class PositionEmbed3d(DepthwiseConv3d, nn.Conv3d):
    """Add a depthwise 3x3x3 convolution of a video's map to the map.

    Args:
        dim (int): Channels.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> same."""
        return x + super().forward(x)


POINTWISE_CONVS: dict[int, Layer] = {2: PointwiseConv2d, 3: PointwiseConv3d}
DEPTHWISE_CONVS: dict[int, Layer] = {2: DepthwiseConv2d, 3: DepthwiseConv3d}
POSITION_EMBEDS: dict[int, Layer] = {2: PositionEmbed2d, 3: PositionEmbed3d}


def pointwise(ndim: int, in_channels: int, out_channels: int) -> nn.Module:
    """Return a convolution of kernel 1, for maps and for tokens (L, C)."""
    return POINTWISE_CONVS[ndim](in_channels, out_channels)


def depthwise(ndim: int, dim: int, kernel: int) -> nn.Module:
    """Return a depthwise convolution that keeps the size of the map."""
    return DEPTHWISE_CONVS[ndim](dim, kernel)
