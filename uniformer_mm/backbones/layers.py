"""Layers that both kinds of UniFormer block are made of.

Re-implemented from the paper (arXiv 2201.09450) and from the facts
of the official release (github.com/Sense-X/UniFormer at 52a0415, Apache-2.0);
attribute names are the official ones, so that official weights fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from uniformer_mm.backbones.convs import (
    BATCH_NORMS,
    CONVS,
    MEMORY_FORMATS,
    POINTWISE_CONVS,
    per_axis,
)
from uniformer_mm.backbones.gelu import Gelu, gelu_then, recomputing_pays
from uniformer_mm.backbones.graphs import is_hooked
from uniformer_mm.backbones.packed import PackedLinear

__all__ = [
    'ConvEmbed',
    'DropPath',
    'Mlp',
    'PatchEmbed',
    'channel_norm',
    'scaled',
]


# Not classes derived from these, whose results may be others.
FUSING = (PackedLinear, *POINTWISE_CONVS.values())


def channel_norm(x: Tensor, norm: nn.Module) -> Tensor:
    """Layer-normalise a map over its channels: (N, C, ...) -> same."""
    # (N, C, [T,] H, W) -> (N, [T,] H, W, C) -> (N, C, [T,] H, W)
    return norm(x.movedim(1, -1)).movedim(-1, 1)


def scaled(x: Tensor, gamma: Tensor | None) -> Tensor:
    """Multiply a residual branch by its gain, if it has one."""
    return x if gamma is None else gamma * x


class DropPath(nn.Module):
    """Drop a residual branch for whole samples (arXiv 1603.09382).

    Kept samples are scaled by ``1 / (1 - drop_prob)``. Identity in eval mode.

    NOTE: mmcv's module rounds ``keep + rand`` in the input's dtype, which in
    bf16 shifts the probability by up to 0.4 %; a Bernoulli draw does not.

    Args:
        drop_prob (float): Probability of dropping, in [0, 1).
    """

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) -> (N, ...)."""
        if not self.training or self.drop_prob == 0:
            return x
        keep = 1 - self.drop_prob
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1))
        return x * mask.bernoulli_(keep).div_(keep)

    def extra_repr(self) -> str:
        """Show the rate where the model is shown."""
        return f'drop_prob={self.drop_prob:.3f}'


class Mlp(nn.Module):
    """Linear, GELU, Linear over the channels.

    Args:
        dim (int): Channels.
        hidden (int): Channels between the two layers.
        drop_rate (float): Dropout after each layer, in [0, 1).
        linear: Makes a layer from its input and output channels:
            ``PackedLinear`` for tokens (..., C), ``pointwise`` for maps
            (N, C, ...) and tokens (L, C).
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        drop_rate: float,
        linear: Callable[[int, int], nn.Module] = PackedLinear,
    ) -> None:
        super().__init__()
        self.fc1 = linear(dim, hidden)
        self.act = Gelu()
        self.fc2 = linear(hidden, dim)
        self.drop = nn.Dropout(drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the input's shape."""
        fc1: Any = self.fc1
        if self._fuses(x):
            return self.drop(self._project(fc1.multiply(x, gelu=True)))
        x = fc1(x)
        if recomputing_pays(self.act, x):
            return self.drop(gelu_then(self._project, x))
        return self.drop(self._project(self.act(x)))

    def _fuses(self, x: Tensor) -> bool:
        """Whether ``fc1`` should apply the GELU, and nobody would miss it."""
        fc1: Any = self.fc1
        return (
            type(fc1) in FUSING
            and (x.ndim == 2 or type(fc1) is PackedLinear)  # else x is a map
            and type(self.act) is Gelu
            and fc1.packing_pays(x)
            and not is_hooked(fc1)
            and not is_hooked(self.act)
        )

    def _project(self, x: Tensor) -> Tensor:
        return self.fc2(self.drop(x))


class PatchEmbed(nn.Module):
    """Non-overlapping patches: conv with kernel = stride, then LayerNorm.

    A remainder of the map that fills no patch is dropped, as officially:
    output side = floor(input side / patch_size). Over time the patches of
    videos may overlap, padded so that ceil(T / time_stride) frames come out.

    Args:
        ndim (int): 2 for images, 3 for videos.
        in_channels (int): Channels of the input map.
        embed_dim (int): Channels of the output map.
        patch_size (int): Kernel and stride in pixels of the input map.
        time_kernel (int): Kernel over frames, odd.
        time_stride (int): Stride over frames.
    """

    def __init__(
        self,
        ndim: int,
        in_channels: int,
        embed_dim: int,
        patch_size: int,
        time_kernel: int,
        time_stride: int,
    ) -> None:
        super().__init__()
        # eps 1e-5 here, 1e-6 in every other LayerNorm: as officially.
        self.norm = nn.LayerNorm(embed_dim, eps=1e-5)
        self.proj = CONVS[ndim](
            in_channels,
            embed_dim,
            per_axis(ndim, time_kernel, patch_size),
            per_axis(ndim, time_stride, patch_size),
            per_axis(ndim, time_kernel // 2, 0),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> (N, embed_dim, [T',] H', W')."""
        return channel_norm(self.proj(x), self.norm)


class ConvEmbed(nn.Module):
    """Overlapping patches: convolutions of kernel 3, stride 2, batch norm.

    Each convolution rounds odd sides up: output side = ceil(input side / 2).

    Args:
        ndim (int): 2 for images, 3 for videos.
        in_channels (int): Channels of the input map.
        embed_dim (int): Channels of the output map.
        first (bool): The first stage has two convolutions and so a stride of
            4; over time, kernel 3 twice and stride 2 once.
    """

    def __init__(
        self, ndim: int, in_channels: int, embed_dim: int, first: bool
    ) -> None:
        super().__init__()
        conv, norm = CONVS[ndim], BATCH_NORMS[ndim]
        if first:
            half = embed_dim // 2
            slow = per_axis(ndim, 1, 2)
            self.proj = nn.Sequential(
                conv(in_channels, half, 3, slow, padding=1),
                norm(half),
                Gelu(),
                conv(half, embed_dim, 3, 2, padding=1),
                norm(embed_dim),
            )
        else:
            # NOTE: there is no published video model with this stem; one
            # frame per kernel, like the patches of stages 2-4, inflates as
            # they do.
            self.proj = nn.Sequential(
                conv(
                    in_channels,
                    embed_dim,
                    per_axis(ndim, 1, 3),
                    per_axis(ndim, 1, 2),
                    per_axis(ndim, 0, 1),
                ),
                norm(embed_dim),
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> (N, embed_dim, [T',] H', W')."""
        # A CPU's convolution of a small video leaves channels-last memory.
        return self.proj(x).contiguous(
            memory_format=MEMORY_FORMATS[x.ndim - 2]
        )


def drop_path_rates(rate: float, depths: tuple[int, ...]) -> list[float]:
    """Rates per block, rising linearly from 0 to ``rate`` over the depth."""
    return torch.linspace(0, rate, sum(depths), device='cpu').tolist()
