"""What stages start with, and layers that both kinds of block are made of.

Re-implemented from the paper (arXiv 2201.09450) and from the facts
of the official release (github.com/Sense-X/UniFormer at 52a0415, Apache-2.0);
attribute names are the official ones, so that official weights fit. Leaf
layers are torch's own classes; ``DropPath`` is the one exception.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from uniformer_mm.fast.path import fast_path, named

__all__ = [
    'BATCH_NORMS',
    'ConvEmbed',
    'DropPath',
    'Mlp',
    'PatchEmbed',
    'channel_norm',
    'channels_last',
    'contiguous',
    'depthwise',
    'gain',
    'per_axis',
    'pointwise',
    'scaled',
    'to_map',
    'to_tokens',
]

# What images (2) and videos (3) are made of.
CONVS: dict[int, Callable[..., Any]] = {2: nn.Conv2d, 3: nn.Conv3d}
BATCH_NORMS: dict[int, Callable[..., Any]] = {
    2: nn.BatchNorm2d,
    3: nn.BatchNorm3d,
}


def per_axis(ndim: int, time: int, space: int) -> tuple[int, ...]:
    """Return (space, space) for images, (time, space, space) for videos."""
    return (time,) * (ndim - 2) + (space, space)


def pointwise(ndim: int, in_channels: int, out_channels: int) -> nn.Module:
    """Return a convolution of kernel 1."""
    conv: nn.Module = CONVS[ndim](in_channels, out_channels, 1)
    return conv


def depthwise(ndim: int, dim: int, kernel: int) -> nn.Module:
    """Return a depthwise convolution that keeps the size of the map."""
    conv: nn.Module = CONVS[ndim](
        dim, dim, kernel, padding=kernel // 2, groups=dim
    )
    return conv


def to_tokens(x: Tensor) -> Tensor:
    """(N, C, [T,] H, W) -> (N, [T,] H, W, C), a view."""
    return x.movedim(1, -1)


def to_map(x: Tensor) -> Tensor:
    """(N, [T,] H, W, C) -> (N, C, [T,] H, W), a view."""
    # For axis -1 some exporters write a wrong permutation.
    return x.movedim(x.ndim - 1, 1)


def channels_last(x: Tensor) -> Tensor:
    """Return the map (N, C, [T,] H, W) with tokens that are a view of it."""
    return to_map(to_tokens(x).contiguous())


def contiguous(x: Tensor) -> Tensor:
    """Return the map (N, C, [T,] H, W) with the strides of a new tensor.

    ``Tensor.contiguous`` leaves maps of one pixel as they are, whose strides
    tell the layers behind that memory is channels-last.
    """
    # (N, C, [T,] H, W) -> (N, C * ... * W) -> (N, C, [T,] H, W)
    y: Tensor = x.flatten(1).unflatten(1, x.shape[1:])  # type: ignore[no-untyped-call]
    return y


def channel_norm(x: Tensor, norm: Callable[[Tensor], Tensor]) -> Tensor:
    """Layer-normalise a map over its channels: (N, C, [T,] H, W) -> same."""
    return to_map(norm(to_tokens(x)))


def gain(shape: tuple[int, ...], layer_scale: float) -> nn.Parameter | None:
    """Return the gain of a residual branch, or None where it has none."""
    if layer_scale == 0:
        return None
    return nn.Parameter(torch.full(shape, float(layer_scale)))


def scaled(x: Tensor, gamma: Tensor | None) -> Tensor:
    """Multiply a residual branch by its gain, if it has one."""
    return x if gamma is None else gamma * x


class DropPath(nn.Module):
    """Drop a residual branch for whole samples (arXiv 1603.09382).

    Kept samples are scaled by ``1 / (1 - drop_prob)``. Identity in eval mode.

    NOTE: to round ``keep + rand`` in the input's dtype, as is usual, shifts
    the probability in bf16 by up to 0.4 %; a Bernoulli draw does not.

    Args:
        drop_prob (float): Probability of dropping, in [0, 1).
    """

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    @named('drop_path')
    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) -> (N, ...)."""
        if not self.training or self.drop_prob == 0:
            return x
        keep = 1 - self.drop_prob
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1))
        # Nothing is kept, and so nothing scaled, of rates that were set to 1.
        return x * mask.bernoulli_(keep).div_(keep or 1)

    def extra_repr(self) -> str:
        """Show the rate where the model is shown."""
        return f'drop_prob={self.drop_prob:.3f}'


class Mlp(nn.Module):
    """Linear, GELU, Linear over the channels.

    Args:
        dim (int): Channels.
        hidden (int): Channels between the two layers.
        drop_rate (float): Dropout after each layer, in [0, 1).
        linear: Makes a layer from its input and output channels: one for
            tokens (..., C), or one for maps (N, C, ...).
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        drop_rate: float,
        linear: Callable[[int, int], nn.Module] = nn.Linear,
    ) -> None:
        super().__init__()
        self.fc1 = linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = linear(hidden, dim)
        self.drop = nn.Dropout(drop_rate)

    @fast_path('mlp')
    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the input's shape."""
        x = self.drop(self.act(self.fc1(x)))
        return self.drop(self.fc2(x))


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

    @fast_path('patch_embed')
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
                nn.GELU(),
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

    @fast_path('conv_embed')
    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> (N, embed_dim, [T',] H', W')."""
        # torch's convolutions of small videos leave channels-last memory.
        return channels_last(self.proj(x))
