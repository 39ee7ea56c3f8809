"""Multi-head self-attention over a whole map or over windows of it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ['Attention', 'merge_windows', 'split_windows']


def split_windows(x: Tensor, size: int) -> Tensor:
    """Cut a map into square windows; (N, H, W, C) -> (N * nW, size**2, C).

    Zeros fill the right and bottom border up to a multiple of ``size``.

    NOTE: the official model adds these zeros after the LayerNorm and does not
    mask them, so they attend (as the bias of the qkv projection) and published
    weights expect them.
    """
    n, h, w, c = x.shape
    x = F.pad(x, (0, 0, 0, -w % size, 0, -h % size))
    rows, cols = x.shape[1] // size, x.shape[2] // size
    # (N, H, W, C) -> (N, rows, size, cols, size, C)
    x = x.view(n, rows, size, cols, size, c)
    # -> (N, rows, cols, size, size, C) -> (N * nW, L, C)
    return x.transpose(2, 3).reshape(n * rows * cols, size * size, c)


def merge_windows(x: Tensor, size: int, h: int, w: int) -> Tensor:
    """Undo ``split_windows``; (N * nW, size**2, C) -> (N, h, w, C)."""
    rows, cols = -(-h // size), -(-w // size)
    # (N * nW, L, C) -> (N, rows, cols, size, size, C)
    x = x.view(-1, rows, cols, size, size, x.shape[-1])
    # -> (N, rows, size, cols, size, C) -> (N, H, W, C)
    x = x.transpose(2, 3).reshape(-1, rows * size, cols * size, x.shape[-1])
    return x[:, :h, :w]


class Attention(nn.Module):
    """Multi-head self-attention (arXiv 2201.09450, eq. 8-9) on a map.

    Args:
        dim (int): Channels, a multiple of ``head_dim``.
        head_dim (int): Channels per head; the scale is ``head_dim**-0.5``.
        attn_drop_rate (float): Dropout on the attention weights.
        drop_rate (float): Dropout after the output projection.
    """

    def __init__(
        self,
        dim: int,
        head_dim: int,
        attn_drop_rate: float,
        drop_rate: float,
    ) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.attn_drop_rate = attn_drop_rate
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(drop_rate)

    def attend(self, x: Tensor) -> Tensor:
        """Every token attends to all of its row; (B, L, C) -> (B, L, C)."""
        b, length, dim = x.shape
        qkv = self.qkv(x).view(b, length, 3, -1, self.head_dim)
        # (B, L, 3, heads, D) -> 3 x (B, heads, L, D)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        x = F.scaled_dot_product_attention(
            q, k, v, dropout_p=self.attn_drop_rate if self.training else 0.0
        )
        # (B, heads, L, D) -> (B, L, C)
        x = x.transpose(1, 2).reshape(b, length, dim)
        return self.proj_drop(self.proj(x))

    def forward(self, x: Tensor, window_size: int | None) -> Tensor:
        """Attend inside windows, or over the whole map when None.

        Args:
            x: (N, H, W, C), already normalised.
            window_size: Side of the windows in tokens, >= 1, or None.

        Returns:
            Tensor: (N, H, W, C).
        """
        n, h, w, c = x.shape
        if window_size is None:
            # (N, H, W, C) -> (N, L, C) -> (N, H, W, C)
            return self.attend(x.reshape(n, h * w, c)).view(n, h, w, c)
        windows = self.attend(split_windows(x, window_size))
        return merge_windows(windows, window_size, h, w)
