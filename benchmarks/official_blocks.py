"""The blocks of the official formulation; see ``official.py``."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    'BATCH_NORM',
    'OfficialAttention',
    'OfficialAttentionBlock',
    'OfficialConvBlock',
    'OfficialConvStem',
    'OfficialPatches',
    'axes',
    'times',
]

CONV: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
BATCH_NORM: dict[int, Any] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def axes(ndim: int, time: int, space: int) -> tuple[int, ...]:
    """Return one number per axis of a map."""
    return (time,) * (ndim - 2) + (space, space)


def gain(shape: tuple[int, ...], value: float) -> nn.Parameter | None:
    """Return the gain of a branch, None for ``value`` 0."""
    return nn.Parameter(torch.full(shape, value)) if value else None


def times(gamma: Tensor | None, x: Tensor) -> Tensor:
    """Apply the gain of a branch, if it has one."""
    return x if gamma is None else gamma * x


class OfficialPatches(nn.Module):
    """Conv with kernel = stride; its tokens are normalised and copied back."""

    def __init__(
        self, ndim: int, before: int, dim: int, size: int, time: int
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-5)
        kernel, stride = (3, 2) if time == 2 else (1, 1)
        self.proj = CONV[ndim](
            before,
            dim,
            axes(ndim, kernel, size),
            axes(ndim, stride, size),
            axes(ndim, kernel // 2, 0),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> (N, dim, [T',] H', W')."""
        x = self.proj(x)
        # (N, C, ...) -> (N, L, C)
        tokens = self.norm(x.flatten(2).transpose(1, 2))
        # (N, L, C) -> (N, ..., C) -> (N, C, ...)
        x = tokens.view(x.shape[0], *x.shape[2:], -1).movedim(-1, 1)
        return x.contiguous()


class OfficialConvStem(nn.Module):
    """Overlapping convolutions with batch norms."""

    def __init__(self, ndim: int, before: int, dim: int, first: bool) -> None:
        super().__init__()
        conv, norm = CONV[ndim], BATCH_NORM[ndim]
        if not first:
            conv2 = conv(before, dim, 3, 2, 1)
            self.proj = nn.Sequential(conv2, norm(dim))
            return
        self.proj = nn.Sequential(
            conv(before, dim // 2, 3, axes(ndim, 1, 2), 1),
            norm(dim // 2),
            nn.GELU(),
            conv(dim // 2, dim, 3, 2, 1),
            norm(dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> (N, dim, [T',] H', W')."""
        return self.proj(x)


class OfficialMlp(nn.Module):
    """Two layers with GELU between them."""

    def __init__(self, linear: Any, dim: int, hidden: int, **extra: Any):
        super().__init__()
        self.fc1 = linear(dim, hidden, **extra)
        self.act = nn.GELU()
        self.fc2 = linear(hidden, dim, **extra)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the input's shape."""
        return self.fc2(self.act(self.fc1(x)))


class OfficialConvBlock(nn.Module):
    """Local block, on NCHW maps."""

    def __init__(self, ndim: int, dim: int, ratio: float, scale: float):
        super().__init__()
        conv, norm = CONV[ndim], BATCH_NORM[ndim]
        shape = (1, dim, *axes(ndim, 1, 1))
        self.gamma_1, self.gamma_2 = gain(shape, scale), gain(shape, scale)
        self.pos_embed = conv(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = norm(dim)
        self.conv1 = conv(dim, dim, 1)
        self.conv2 = conv(dim, dim, 1)
        self.attn = conv(dim, dim, 5, padding=2, groups=dim)
        self.norm2 = norm(dim)
        self.mlp = OfficialMlp(conv, dim, int(dim * ratio), kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> same."""
        x = x + self.pos_embed(x)
        mixed = self.conv2(self.attn(self.conv1(self.norm1(x))))
        x = x + times(self.gamma_1, mixed)
        return x + times(self.gamma_2, self.mlp(self.norm2(x)))


class OfficialAttention(nn.Module):
    """Self-attention whose matrix is computed, stored and multiplied."""

    def __init__(self, dim: int, head_dim: int) -> None:
        super().__init__()
        self.num_heads = dim // head_dim
        self.scale = head_dim**-0.5
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, C) -> the same, and the matrix (B, heads, L, L)."""
        b, length, c = x.shape
        qkv = self.qkv(x).reshape(b, length, 3, self.num_heads, -1)
        # (B, L, 3, heads, D) -> 3 x (B, heads, L, D)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        matrix = ((q @ k.transpose(-2, -1)) * self.scale).softmax(-1)
        # (B, heads, L, D) -> (B, L, heads, D) -> (B, L, C)
        x = (matrix @ v).transpose(1, 2).reshape(b, length, c)
        return self.proj(x), matrix


class OfficialAttentionBlock(nn.Module):
    """Global block, on tokens; of a whole map or of windows."""

    def __init__(
        self, ndim: int, dim: int, head_dim: int, ratio: float, scale: float
    ) -> None:
        super().__init__()
        self.window_size: int | None = None
        self.gamma_1, self.gamma_2 = gain((dim,), scale), gain((dim,), scale)
        conv = CONV[ndim]
        self.pos_embed = conv(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = OfficialAttention(dim, head_dim)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = OfficialMlp(nn.Linear, dim, int(dim * ratio))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> same."""
        x = x + self.pos_embed(x)
        if self.window_size is not None:
            return self.forward_windows(x, self.window_size)
        shape = x.shape
        x = x.flatten(2).transpose(1, 2)  # (N, C, [T,] H, W) -> (N, L, C)
        x = x + times(self.gamma_1, self.attn(self.norm1(x))[0])
        x = x + times(self.gamma_2, self.mlp(self.norm2(x)))
        # (N, L, C) -> (N, C, L) -> (N, C, [T,] H, W)
        return x.transpose(1, 2).reshape(shape)

    def forward_windows(self, x: Tensor, size: int) -> Tensor:
        """(N, C, H, W) -> same."""
        x = x.permute(0, 2, 3, 1)  # (N, C, H, W) -> (N, H, W, C)
        n, h, w, c = x.shape
        y = F.pad(self.norm1(x), (0, 0, 0, -w % size, 0, -h % size))
        rows, cols = y.shape[1] // size, y.shape[2] // size
        # (N, H, W, C) -> (N, rows, size, cols, size, C)
        y = y.view(n, rows, size, cols, size, c)
        # -> (N, rows, cols, size, size, C) -> (N * rows * cols, L, C)
        y = y.transpose(2, 3).contiguous().view(-1, size * size, c)
        y = self.attn(y)[0].view(n, rows, cols, size, size, c)
        # (N, rows, cols, size, size, C) -> (N, H, W, C)
        y = y.transpose(2, 3).contiguous().view(n, rows * size, -1, c)
        x = x + times(self.gamma_1, y[:, :h, :w].contiguous())
        x = x + times(self.gamma_2, self.mlp(self.norm2(x)))
        return x.permute(0, 3, 1, 2)  # (N, H, W, C) -> (N, C, H, W)
