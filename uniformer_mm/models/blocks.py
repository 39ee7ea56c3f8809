"""The UniFormer blocks: local (convolution) and global (attention).

All add a depthwise "dynamic position embedding", a token mixer and an MLP to
their input (arXiv 2201.09450); attribute names are the official ones.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn

from uniformer_mm.fast.path import fast_path
from uniformer_mm.models.attention import Attention
from uniformer_mm.models.layers import (
    BATCH_NORMS,
    DropPath,
    Mlp,
    depthwise,
    gain,
    pointwise,
    scaled,
    to_map,
    to_tokens,
)

__all__ = ['AttentionBlock', 'Block', 'ConvBlock', 'SplitAttentionBlock']


class Block(nn.Module):
    """A position embedding, then what a subclass mixes.

    Args:
        gain_shape (tuple[int]): Of the gains of the residual branches.
        layer_scale (float): Their initial value; 0: no gains.
    """

    pos_embed: nn.Module

    def __init__(self, gain_shape: tuple[int, ...], layer_scale: float):
        super().__init__()
        self.layer_scale = layer_scale
        self.gamma_1 = gain(gain_shape, layer_scale)
        self.gamma_2 = gain(gain_shape, layer_scale)

    @fast_path('block')
    def forward(self, x: Tensor, *state: Tensor) -> Any:
        """(N, C, [T,] H, W) -> same; ``state`` is that of light models."""
        x = x + self.pos_embed(x)
        return self.mix(x, *state)

    def mix(self, x: Tensor, *state: Tensor) -> Any:
        """Mix tokens, then channels; (N, C, [T,] H, W) -> same."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Set the gains to their start, as layers of torch do theirs."""
        for parameter in self.parameters(recurse=False):
            nn.init.constant_(parameter, self.layer_scale)


class ConvBlock(Block):
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
        super().__init__((1, dim) + (1,) * ndim, layer_scale)
        # Norms first: tools that fold a norm into the convolution registered
        # before it would take one that it does not follow.
        self.norm1 = BATCH_NORMS[ndim](dim)
        self.norm2 = BATCH_NORMS[ndim](dim)
        self.pos_embed = depthwise(ndim, dim, 3)
        self.conv1 = pointwise(ndim, dim, dim)
        self.conv2 = pointwise(ndim, dim, dim)
        self.attn = depthwise(ndim, dim, 5)
        self.drop_path = DropPath(drop_path)
        hidden = int(dim * mlp_ratio)
        self.mlp = Mlp(dim, hidden, drop_rate, partial(pointwise, ndim))

    @fast_path('conv_block')
    def mix(self, x: Tensor) -> Tensor:
        """Mix by convolutions; (N, C, [T,] H, W) -> same."""
        y = self.conv2(self.attn(self.conv1(self.norm1(x))))
        x = x + self.drop_path(scaled(y, self.gamma_1))
        y = self.mlp(self.norm2(x))
        return x + self.drop_path(scaled(y, self.gamma_2))


class AttentionBlock(Block):
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

    attention = Attention

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
        super().__init__((dim,), layer_scale)
        self.window_size: int | None = None
        self.pos_embed = depthwise(ndim, dim, 3)
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = self.attention(dim, head_dim, attn_drop_rate, drop_rate)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, int(dim * mlp_ratio), drop_rate)

    @fast_path('attention_block')
    def mix(self, x: Tensor, *state: Tensor) -> Any:
        """Mix by attention; (N, C, [T,] H, W) -> same."""
        x = self.attend(to_tokens(x))
        y = self.mlp(self.norm2(x))
        x = x + self.drop_path(scaled(y, self.gamma_2))
        return to_map(x)

    def attend(self, x: Tensor) -> Tensor:
        """Add what the tokens attend to; (N, [T,] H, W, C) -> same."""
        y = self.attn(self.norm1(x), self.window_size)
        return x + self.drop_path(scaled(y, self.gamma_1))


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
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the official start, at which time attention adds nothing."""
        super().reset_parameters()
        for parameter in self.t_attn.qkv.parameters():
            nn.init.zeros_(parameter)
        nn.init.ones_(self.t_attn.proj.weight)
        nn.init.zeros_(self.t_attn.proj.bias)

    def attend(self, x: Tensor) -> Tensor:
        """Attend over time, then over space; (N, T, H, W, C) -> same.

        NOTE: as officially, the residual of the attention over space is the
        input, not the result of the attention over time.
        """
        n, t, h, w, c = x.shape
        # (N, T, H, W, C) -> (N, H, W, T, C) -> (N * H * W, T, C)
        y = x.permute(0, 2, 3, 1, 4).reshape(n * h * w, t, c)
        y = y + self.drop_path(self.t_attn(self.t_norm(y)))
        # (N * H * W, T, C) -> (N, H, W, T, C) -> (N, T, H, W, C)
        y = y.view(n, h, w, t, c).permute(0, 3, 1, 2, 4)
        # (N, T, H, W, C) -> (N * T, H * W, C)
        y = self.attn(self.norm1(y).reshape(n * t, h * w, c))
        y = self.drop_path(scaled(y, self.gamma_1))
        return x + y.view(n, t, h, w, c)
