"""Decode heads of mmseg in plain torch, for inference.

Papers: Unified Perceptual Parsing, arXiv 1807.10221 (UperNet); Panoptic
Feature Pyramid Networks, arXiv 1901.02446 (Semantic FPN). Written anew from
these and from the published names and shapes of the weights. There is no
dropout: it acts in training alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniformer_mm.portable.pooling import average_pool

__all__ = ['FPN', 'FPNHead', 'UPerHead', 'enlarge']

POOL_SCALES = (1, 2, 3, 6)


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Resize bilinearly: (N, C, h, w) to H and W of ``like``."""
    return F.interpolate(
        x, like.shape[2:], mode='bilinear', align_corners=False
    )


class ConvModule(nn.Module):
    """Convolution without bias, batch norm, ReLU.

    Args:
        in_channels (int): Channels of the input.
        channels (int): Channels of the output.
        kernel_size (int): 1, or 3 with padding.
    """

    def __init__(
        self, in_channels: int, channels: int, kernel_size: int
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            channels,
            kernel_size,
            padding=kernel_size // 2,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, channels, H, W)."""
        return F.relu(self.bn(self.conv(x)))


class PooledConv(nn.Module):
    """Average over ``bins`` x ``bins`` parts, 1x1 ``ConvModule``, and back."""

    def __init__(self, in_channels: int, channels: int, bins: int) -> None:
        super().__init__()
        self.bins = bins
        # Number 0 is the pooling in the published names.
        self.add_module('1', ConvModule(in_channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, channels, H, W)."""
        pooled = average_pool(x, self.bins)
        return enlarge(self.get_submodule('1')(pooled), x)


class UPerHead(nn.Module):
    """UperNet: pyramid pooling of the last map, then a feature pyramid.

    Args:
        in_channels (Sequence[int]): Channels of the maps, the largest first.
        channels (int): Channels inside. Defaults to 512.
        num_classes (int): Channels of the output. Defaults to 150.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 512,
        num_classes: int = 150,
    ) -> None:
        super().__init__()
        *lower, last = in_channels
        self.conv_seg = nn.Conv2d(channels, num_classes, 1)
        self.psp_modules = nn.ModuleList(
            PooledConv(last, channels, bins) for bins in POOL_SCALES
        )
        self.bottleneck = ConvModule(
            last + len(POOL_SCALES) * channels, channels, 3
        )
        self.lateral_convs = nn.ModuleList(
            ConvModule(dim, channels, 1) for dim in lower
        )
        self.fpn_convs = nn.ModuleList(
            ConvModule(channels, channels, 3) for _ in lower
        )
        self.fpn_bottleneck = ConvModule(
            len(in_channels) * channels, channels, 3
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Compute class logits.

        Args:
            maps (Sequence[Tensor]): (N, C_i, H_i, W_i), the largest first.

        Returns:
            Tensor: (N, num_classes, H_0, W_0).
        """
        *lower, last = maps
        pooled = [pool(last) for pool in self.psp_modules]
        top = self.bottleneck(torch.cat([last, *pooled], 1))
        levels = [
            conv(x) for conv, x in zip(self.lateral_convs, lower, strict=True)
        ]
        levels.append(top)
        for i in reversed(range(len(lower))):
            levels[i] = levels[i] + enlarge(levels[i + 1], levels[i])
        first, *others = [
            conv(x)
            for conv, x in zip(self.fpn_convs, levels[:-1], strict=True)
        ]
        grown = [enlarge(x, first) for x in (*others, top)]
        return self.conv_seg(
            self.fpn_bottleneck(torch.cat([first, *grown], 1))
        )


class FPN(nn.Module):
    """Feature pyramid: the neck of Semantic FPN.

    Args:
        in_channels (Sequence[int]): Channels of the maps, the largest first.
        channels (int): Channels of all outputs. Defaults to 256.
    """

    def __init__(
        self, in_channels: Sequence[int], channels: int = 256
    ) -> None:
        super().__init__()

        def conv(dim: int, kernel_size: int) -> nn.Sequential:
            layer = nn.Conv2d(
                dim, channels, kernel_size, padding=kernel_size // 2
            )
            return nn.Sequential(OrderedDict(conv=layer))

        self.lateral_convs = nn.ModuleList(conv(dim, 1) for dim in in_channels)
        self.fpn_convs = nn.ModuleList(conv(channels, 3) for _ in in_channels)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """(N, C_i, H_i, W_i) -> (N, channels, H_i, W_i), for each map."""
        levels = [
            conv(x) for conv, x in zip(self.lateral_convs, maps, strict=True)
        ]
        for i in reversed(range(len(levels) - 1)):
            levels[i] = levels[i] + F.interpolate(
                levels[i + 1], levels[i].shape[2:], mode='nearest'
            )
        return [
            conv(x) for conv, x in zip(self.fpn_convs, levels, strict=True)
        ]


class Double(nn.Module):
    """Doubles both sides bilinearly."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 2 H, 2 W)."""
        height, width = x.shape[2:]
        return F.interpolate(
            x,
            (2 * height, 2 * width),
            mode='bilinear',
            align_corners=False,
        )


class FPNHead(nn.Module):
    """Head of Semantic FPN: each level grows to the first's size, and a sum.

    Args:
        in_channels (int): Channels of every map. Defaults to 256.
        channels (int): Channels inside. Defaults to 128.
        num_classes (int): Channels of the output. Defaults to 150.
        levels (int): Number of maps; each has half the sides of the one
            before. Defaults to 4.
    """

    def __init__(
        self,
        in_channels: int = 256,
        channels: int = 128,
        num_classes: int = 150,
        levels: int = 4,
    ) -> None:
        super().__init__()
        self.conv_seg = nn.Conv2d(channels, num_classes, 1)
        self.scale_heads = nn.ModuleList()
        for level in range(levels):
            dims = [in_channels, *[channels] * max(level, 1)]
            steps: list[nn.Module] = []
            for dim, out in pairwise(dims):
                steps.append(ConvModule(dim, out, 3))
                if level:
                    steps.append(Double())
            self.scale_heads.append(nn.Sequential(*steps))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Compute class logits.

        Args:
            maps (Sequence[Tensor]): (N, in_channels, H_i, W_i), the largest
                first.

        Returns:
            Tensor: (N, num_classes, H_0, W_0).
        """
        first, *others = [
            head(x) for head, x in zip(self.scale_heads, maps, strict=True)
        ]
        for x in others:
            first = first + enlarge(x, first)
        return self.conv_seg(first)
