"""Multi-head self-attention over a whole map or over windows of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm.backbones.graphs import in_graph
from uniformer_mm.backbones.packed import PackedLinear

__all__ = ['Attention', 'merge_windows', 'split_windows']


def split_windows(x: Tensor, size: int) -> Tensor:
    """Cut a map into square windows.

    Zeros fill the right and bottom border up to a multiple of ``size``.

    NOTE: the official model adds these zeros after the LayerNorm and does not
    mask them, so they attend (as the bias of the qkv projection) and published
    weights expect them.

    Args:
        x: (N, H, W, C).
        size: Side of the windows, >= 1.

    Returns:
        Tensor: (N, rows, cols, size, size, C), contiguous.
    """
    bottom, right = -x.shape[1] % size, -x.shape[2] % size
    if in_graph():
        # Unfold takes what fills windows.
        bottom = right = size - 1
    if bottom or right:
        x = F.pad(x, (0, 0, 0, right, 0, bottom))
    # (N, H, W, C) -> (N, rows, cols, C, size, size)
    x = x.unfold(1, size, size).unfold(2, size, size)
    # -> (N, rows, cols, size, size, C)
    return x.permute(0, 1, 2, 4, 5, 3).contiguous()


def merge_windows(x: Tensor, h: int, w: int) -> Tensor:
    """Undo ``split_windows``.

    Args:
        x: (N, rows, cols, size, size, C).
        h: Height of the map.
        w: Width of the map.

    Returns:
        Tensor: (N, h, w, C).
    """
    if torch.compiler.is_compiling():
        # Reshaping and slicing depend on the size of the map.
        size = x.shape[3]
        ys, row = _places(h, size, x.device)
        xs, col = _places(w, size, x.device)
        return x[:, row[:, None], col, ys[:, None], xs]
    # (N, rows, cols, size, size, C) -> (N, rows, size, cols, size, C)
    x = x.transpose(2, 3)
    # -> (N, H, W, C)
    return x.flatten(3, 4).flatten(1, 2)[:, :h, :w]


def _places(
    length: int, size: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the places of tokens in their windows, and their windows.

    NOTE: not by integer division, which torch 2.9 compiles for CPUs into a
    loop over whole windows alone, and so leaves the last places unset.
    """
    tokens = torch.arange(length, device=device)
    windows = ((tokens + 0.5) / size).long()
    return tokens - windows * size, windows


class Attention(nn.Module):
    """Multi-head self-attention (arXiv 2201.09450) on a map.

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
        self.num_heads = dim // head_dim
        self.attn_drop_rate = attn_drop_rate
        self.qkv = PackedLinear(dim, dim * 3)
        self.proj = PackedLinear(dim, dim)
        self.proj_drop = nn.Dropout(drop_rate)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project to q, k, v; (B, L, C) -> 3 x (B, heads, L, D)."""
        b, length, _ = x.shape
        qkv = self.qkv(x).view(b, length, 3, self.num_heads, self.head_dim)
        # (B, L, 3, heads, D) -> 3 x (B, heads, L, D)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return q, k, v

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend; 3 x (B, heads, L, D) -> (B, L, C)."""
        dropout = self.attn_drop_rate if self.training else 0.0
        x = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        # (B, heads, L, D) -> (B, L, heads, D) -> (B, L, C)
        return x.transpose(1, 2).flatten(2)

    def project(self, x: Tensor) -> Tensor:
        """Mix the heads of each token; (..., C) -> same."""
        return self.proj_drop(self.proj(x))

    def attend(self, x: Tensor) -> Tensor:
        """Every token attends to all of its row; (B, L, C) -> (B, L, C)."""
        return self.project(self.mix(*self.heads(x)))

    def attend_with_scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Also tell how the first token of a row attends to its row.

        Args:
            x: (B, L, C), the class token first.

        Returns:
            tuple[Tensor, Tensor]: (B, L, C), and (B, L) attention weights of
            the first token, the mean over heads, float32 or wider: tokens are
            sorted by them.
        """
        q, k, v = self.heads(x)
        # Products and sums, unlike a matrix product, stay float32 under
        # autocast: (B, heads, 1, D) * (B, heads, L, D) -> (B, heads, L)
        first = _at_least_float32(q[:, :, :1]) * self.head_dim**-0.5
        row = (first * _at_least_float32(k)).sum(-1)
        scores = row.softmax(-1).mean(1)
        return self.project(self.mix(q, k, v)), scores

    def forward(self, x: Tensor, window_size: int | None) -> Tensor:
        """Attend inside windows, or over the whole map when None.

        Args:
            x: (N, [T,] H, W, C), already normalised.
            window_size: Side of the windows in tokens, >= 1, for images; or
                None.

        Returns:
            Tensor: The shape of ``x``.
        """
        if window_size is None:
            # (N, [T,] H, W, C) -> (N, L, C) -> (N, [T,] H, W, C)
            return self.attend(x.flatten(1, -2)).view(x.shape)
        windows = split_windows(x, window_size)
        # (N, rows, cols, size, size, C) -> (N * rows * cols, L, C)
        mixed = self.mix(*self.heads(windows.flatten(3, 4).flatten(0, 2)))
        mixed = merge_windows(mixed.view(windows.shape), *x.shape[1:3])
        # Padding is not projected: it is gone by now.
        return self.project(mixed)


def _at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
