"""The UniFormer blocks: local (convolution) and global (attention).

All add a depthwise "dynamic position embedding", a token mixer and an MLP to
their input (arXiv 2201.09450); attribute names are the official ones.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from uniformer_mm.backbones.attention import Attention
from uniformer_mm.backbones.convs import (
    BATCH_NORMS,
    POSITION_EMBEDS,
    depthwise,
    pointwise,
)
from uniformer_mm.backbones.layers import DropPath, Mlp, scaled
from uniformer_mm.backbones.tiles import split_tokens, tiles_pay

__all__ = ['AttentionBlock', 'ConvBlock', 'SplitAttentionBlock']


def gain(shape: tuple[int, ...], layer_scale: float) -> nn.Parameter | None:
    """Return the gain of a residual branch, or None where it has none."""
    if layer_scale == 0:
        return None
    return nn.Parameter(torch.full(shape, layer_scale))


class ConvBlock(nn.Module):
    """Local block of stages 1 and 2: depthwise 5x5 between 1x1 convs.

    Args:
        ndim (int): 2 for images, 3 for videos; the kernels grow over time.
        dim (int): Channels.
        mlp_ratio (float): Hidden width of the MLP over ``dim``.
        drop_rate (float): Dropout inside the MLP.
        drop_path (float): Stochastic depth rate of the two branches.
        layer_scale (float): Initial gain of the two branches; 0: none.
    """

    def __init__(
        self,
        ndim: int,
        dim: int,
        *,
        mlp_ratio: float,
        drop_rate: float,
        drop_path: float,
        layer_scale: float,
    ) -> None:
        super().__init__()
        shape = (1, dim) + (1,) * ndim
        self.gamma_1 = gain(shape, layer_scale)
        self.gamma_2 = gain(shape, layer_scale)
        self.pos_embed = POSITION_EMBEDS[ndim](dim)
        self.norm1 = BATCH_NORMS[ndim](dim)
        self.conv1 = pointwise(ndim, dim, dim)
        self.conv2 = pointwise(ndim, dim, dim)
        self.attn = depthwise(ndim, dim, 5)
        self.drop_path = DropPath(drop_path)
        self.norm2 = BATCH_NORMS[ndim](dim)
        hidden = int(dim * mlp_ratio)
        self.mlp = Mlp(dim, hidden, drop_rate, partial(pointwise, ndim))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> same."""
        x = self.pos_embed(x)
        mixed = self.attn(self.conv1(self.norm1(x)))
        tokens = x.movedim(1, -1)  # (N, C, [T,] H, W) -> (N, [T,] H, W, C)
        if tiles_pay(self, tokens):
            # On one thread torch's 3D convolutions leave channels-last memory.
            self.finish_tiles(tokens, mixed.movedim(1, -1).contiguous())
            return x
        mixed = self.conv2(mixed)
        x = x + self.drop_path(scaled(mixed, self.gamma_1))
        mixed = self.mlp(self.norm2(x))
        return x + self.drop_path(scaled(mixed, self.gamma_2))

    def finish_tiles(self, tokens: Tensor, mixed: Tensor) -> None:
        """Add both branches to ``tokens``, in place; (N, [T,] H, W, C)."""
        gammas = [
            None if gamma is None else gamma.flatten()
            for gamma in (self.gamma_1, self.gamma_2)
        ]
        for x, y in split_tokens(tokens, mixed):
            x += scaled(self.conv2(y), gammas[0])
            # (L, C) -> (1, C, L, [1,] 1) -> (L, C)
            y = self.norm2(x.T[(None, ..., *[None] * (tokens.ndim - 3))])
            x += scaled(self.mlp(y[0].flatten(1).T), gammas[1])


class AttentionBlock(nn.Module):
    """Global block of stages 3 and 4: multi-head self-attention.

    Args:
        ndim (int): 2 for images, 3 for videos (joint space-time attention).
        dim (int): Channels, a multiple of ``head_dim``.
        head_dim (int): Channels per head.
        mlp_ratio (float): Hidden width of the MLP over ``dim``.
        drop_rate (float): Dropout in the MLP and after the attention.
        attn_drop_rate (float): Dropout on the attention weights.
        drop_path (float): Stochastic depth rate of the branches.
        layer_scale (float): Initial gain of the branches; 0: none.

    Attributes:
        window_size (int | None): Side of the attention windows in tokens;
            None attends over the whole map. May be changed at any time.
    """

    def __init__(
        self,
        ndim: int,
        dim: int,
        *,
        head_dim: int,
        mlp_ratio: float,
        drop_rate: float,
        attn_drop_rate: float,
        drop_path: float,
        layer_scale: float,
    ) -> None:
        super().__init__()
        self.window_size: int | None = None
        self.gamma_1 = gain((dim,), layer_scale)
        self.gamma_2 = gain((dim,), layer_scale)
        self.pos_embed = POSITION_EMBEDS[ndim](dim)
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, head_dim, attn_drop_rate, drop_rate)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, int(dim * mlp_ratio), drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> same."""
        x = self.pos_embed(x)
        x = x.movedim(1, -1)  # (N, C, [T,] H, W) -> (N, [T,] H, W, C)
        x = self.mix(x)
        if tiles_pay(self, x):
            for (tile,) in split_tokens(x):
                tile += scaled(self.mlp(self.norm2(tile)), self.gamma_2)
        else:
            mixed = scaled(self.mlp(self.norm2(x)), self.gamma_2)
            x = x + self.drop_path(mixed)
        return x.movedim(-1, 1)  # (N, [T,] H, W, C) -> (N, C, [T,] H, W)

    def mix(self, x: Tensor) -> Tensor:
        """Add what the tokens attend to; (N, [T,] H, W, C) -> same."""
        mixed = self.attn(self.norm1(x), self.window_size)
        return x + self.drop_path(scaled(mixed, self.gamma_1))


class SplitAttentionBlock(AttentionBlock):
    """Global block of videos with attention over time, then over space.

    Takes the arguments of ``AttentionBlock``.
    """

    def __init__(self, ndim: int, dim: int, **settings: Any) -> None:
        super().__init__(ndim, dim, **settings)
        self.t_norm = nn.LayerNorm(dim, eps=1e-6)
        self.t_attn = Attention(
            dim,
            settings['head_dim'],
            settings['attn_drop_rate'],
            settings['drop_rate'],
        )
        self.init_time_attention()

    def init_time_attention(self) -> None:
        """Set the official start, at which time attention adds nothing."""
        for parameter in self.t_attn.qkv.parameters():
            nn.init.zeros_(parameter)
        nn.init.ones_(self.t_attn.proj.weight)
        nn.init.zeros_(self.t_attn.proj.bias)

    def mix(self, x: Tensor) -> Tensor:
        """Attend over time, then over space; (N, T, H, W, C) -> same.

        NOTE: as officially, the residual of the attention over space is the
        input, not the result of the attention over time.
        """
        n, t, h, w, c = x.shape
        # (N, T, H, W, C) -> (N, H, W, T, C) -> (N * H * W, T, C)
        times = x.permute(0, 2, 3, 1, 4).reshape(n * h * w, t, c)
        mixed = self.drop_path(self.t_attn.attend(self.t_norm(times)))
        # (N * H * W, T, C) -> (N, H, W, T, C) -> (N, T, H, W, C)
        mixed = (times + mixed).view(n, h, w, t, c).permute(0, 3, 1, 2, 4)
        # (N, T, H, W, C) -> (N * T, H * W, C)
        mixed = self.norm1(mixed).reshape(n * t, h * w, c)
        mixed = scaled(self.attn.attend(mixed), self.gamma_1)
        return x + self.drop_path(mixed).view(n, t, h, w, c)
