"""The two UniFormer blocks: local (convolution) and global (attention).

Both add a depthwise "dynamic position embedding", a token mixer and an MLP to
their input (arXiv 2201.09450, eq. 1-3); attribute names are the official ones.
"""

from __future__ import annotations

from torch import Tensor, nn

from uniformer_mm.backbones.attention import Attention
from uniformer_mm.backbones.layers import DropPath, Mlp, conv1x1

__all__ = ['AttentionBlock', 'ConvBlock']


class ConvBlock(nn.Module):
    """Local block of stages 1 and 2: depthwise 5x5 between 1x1 convs.

    Args:
        dim (int): Channels.
        mlp_ratio (float): Hidden width of the MLP over ``dim``.
        drop_rate (float): Dropout inside the MLP.
        drop_path (float): Stochastic depth rate of the two branches.
    """

    def __init__(
        self, dim: int, mlp_ratio: float, drop_rate: float, drop_path: float
    ) -> None:
        super().__init__()
        self.pos_embed = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.BatchNorm2d(dim)
        self.conv1 = conv1x1(dim, dim)
        self.conv2 = conv1x1(dim, dim)
        self.attn = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.BatchNorm2d(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio), drop_rate, conv1x1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        x = x + self.pos_embed(x)
        mixed = self.conv2(self.attn(self.conv1(self.norm1(x))))
        x = x + self.drop_path(mixed)
        return x + self.drop_path(self.mlp(self.norm2(x)))


class AttentionBlock(nn.Module):
    """Global block of stages 3 and 4: multi-head self-attention.

    Args:
        dim (int): Channels, a multiple of ``head_dim``.
        head_dim (int): Channels per head.
        mlp_ratio (float): Hidden width of the MLP over ``dim``.
        drop_rate (float): Dropout in the MLP and after the attention.
        attn_drop_rate (float): Dropout on the attention weights.
        drop_path (float): Stochastic depth rate of the two branches.

    Attributes:
        window_size (int | None): Side of the attention windows in tokens;
            None attends over the whole map. May be changed at any time.
    """

    def __init__(
        self,
        dim: int,
        head_dim: int,
        mlp_ratio: float,
        drop_rate: float,
        attn_drop_rate: float,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.window_size: int | None = None
        self.pos_embed = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, head_dim, attn_drop_rate, drop_rate)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, int(dim * mlp_ratio), drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        x = x + self.pos_embed(x)
        x = x.permute(0, 2, 3, 1)  # (N, C, H, W) -> (N, H, W, C)
        x = x + self.drop_path(self.attn(self.norm1(x), self.window_size))
        x = x + self.drop_path(self.mlp(self.norm2(x)))
        return x.permute(0, 3, 1, 2)  # (N, H, W, C) -> (N, C, H, W)
