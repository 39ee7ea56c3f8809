"""Layers that both kinds of UniFormer block are made of.

Re-implemented from the paper (arXiv 2201.09450, section 3) and from the facts
of the official release (github.com/Sense-X/UniFormer at 52a0415, Apache-2.0);
attribute names are the official ones, so that official weights fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

__all__ = ['DropPath', 'Mlp', 'PatchEmbed', 'channel_norm', 'conv1x1']

conv1x1 = partial(nn.Conv2d, kernel_size=1)


def channel_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Layer-normalise a map over its channels: (N, C, H, W) -> same."""
    x = norm(x.permute(0, 2, 3, 1))  # (N, C, H, W) -> (N, H, W, C)
    return x.permute(0, 3, 1, 2)  # (N, H, W, C) -> (N, C, H, W)


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
        """Show the rate in ``print(model)``."""
        return f'drop_prob={self.drop_prob:.3f}'


class Mlp(nn.Module):
    """Linear, GELU, Linear over the channels.

    Args:
        dim (int): Channels.
        hidden (int): Channels between the two layers.
        drop_rate (float): Dropout after each layer, in [0, 1).
        linear: Makes a layer from its input and output channels:
            ``nn.Linear`` for tokens (N, ..., C), ``conv1x1`` for maps
            (N, C, H, W).
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

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the input's shape."""
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class PatchEmbed(nn.Module):
    """Non-overlapping patches: conv with kernel = stride, then LayerNorm.

    A remainder of the map that fills no patch is dropped, as officially:
    output side = floor(input side / patch_size).

    Args:
        in_channels (int): Channels of the input map.
        embed_dim (int): Channels of the output map.
        patch_size (int): Kernel and stride in pixels of the input map.
    """

    def __init__(
        self, in_channels: int, embed_dim: int, patch_size: int
    ) -> None:
        super().__init__()
        # eps 1e-5 here, 1e-6 in every other LayerNorm: as officially.
        self.norm = nn.LayerNorm(embed_dim, eps=1e-5)
        self.proj = nn.Conv2d(in_channels, embed_dim, patch_size, patch_size)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, embed_dim, H // patch, W // patch)."""
        return channel_norm(self.proj(x), self.norm)


def drop_path_rates(rate: float, depths: tuple[int, ...]) -> list[float]:
    """Rates per block, rising linearly from 0 to ``rate`` over the depth."""
    return torch.linspace(0, rate, sum(depths), device='cpu').tolist()
