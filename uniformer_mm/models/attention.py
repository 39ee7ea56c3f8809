"""Multi-head self-attention over a whole map or over windows of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm.fast.path import (
    fast_path,
    graph_path,
    in_float32,
    named,
)

__all__ = ['Attention', 'ScoredAttention', 'merge_windows', 'split_windows']


@graph_path('split_windows')
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
    n, h, w, c = x.shape
    # Also by nothing: a traced model then pads maps of other sizes.
    x = F.pad(x, (0, 0, 0, -w % size, 0, -h % size))
    rows, cols = x.shape[1] // size, x.shape[2] // size
    # (N, H, W, C) -> (N, rows, size, cols, size, C)
    x = x.view(n, rows, size, cols, size, c)
    # -> (N, rows, cols, size, size, C)
    return x.transpose(2, 3).contiguous()


@graph_path('merge_windows')
def merge_windows(x: Tensor, h: int, w: int) -> Tensor:
    """Undo ``split_windows``.

    Args:
        x: (N, rows, cols, size, size, C).
        h: Height of the map.
        w: Width of the map.

    Returns:
        Tensor: (N, h, w, C).
    """
    # (N, rows, cols, size, size, C) -> (N, rows, size, cols, size, C)
    x = x.transpose(2, 3)
    # -> (N, H, W, C)
    return x.flatten(3, 4).flatten(1, 2)[:, :h, :w]


# torch.fx can't follow what depends on a size or a dtype: to it, each of these
# is one step.
torch.fx.wrap('split_windows')
torch.fx.wrap('merge_windows')
torch.fx.wrap('_at_least_float32')


class Attention(nn.Module):
    """Multi-head self-attention (arXiv 2201.09450).

    Args:
        dim (int): Channels, a multiple of ``head_dim``.
        head_dim (int): Channels per head; the scale is ``head_dim**-0.5``.
        attn_drop_rate (float): Dropout on the attention weights.
        drop_rate (float): Dropout after the output projection.

    Attributes:
        fp32 (bool): Compute in float32 under autocast, projections too; in a
            model whose weights are of half precision, the products of queries
            and keys and what follows them. May be changed at any time.
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
        self.fp32 = False
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(drop_rate)

    @fast_path('attention')
    @in_float32
    def forward(self, x: Tensor, window_size: int | None = None) -> Tensor:
        """Attend inside windows, or over the whole map when None.

        Args:
            x: Tokens (N, L, C), or a map of them (N, [T,] H, W, C), already
                normalised.
            window_size: Side of the windows in tokens, >= 1, for images; or
                None.

        Returns:
            Tensor: The shape of ``x``.
        """
        if window_size is None:
            # (N, [T,] H, W, C) -> (N, L, C) -> (N, [T,] H, W, C)
            y = self.attend(*self.heads(x.flatten(1, -2))).view(x.shape)
        else:
            windows = split_windows(x, window_size)
            # (N, rows, cols, size, size, C) -> (N * rows * cols, L, C)
            y = windows.flatten(3, 4).flatten(0, 2)
            y = self.attend(*self.heads(y)).view(windows.shape)
            # The padding is not projected: it is gone by then.
            y = merge_windows(y, x.shape[1], x.shape[2])
        return self.proj_drop(self.proj(y))

    @named('heads')
    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project to q, k, v; (B, L, C) -> 3 x (B, heads, L, D)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim))
        # (B, L, 3, heads, D) -> 3 x (B, heads, L, D)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return q, k, v

    @fast_path('attend')
    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """3 x (B, heads, L, D) -> (B, L, C)."""
        dropout = self.attn_drop_rate if self.training else 0.0
        dtype = v.dtype
        if self.fp32:
            q, k, v = map(_at_least_float32, (q, k, v))
        x = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        if self.fp32:
            x = x.to(dtype)
        # (B, heads, L, D) -> (B, L, heads, D) -> (B, L, C)
        return x.transpose(1, 2).flatten(2)


class ScoredAttention(Attention):
    """Attention that also tells how the first token attends to the others.

    Takes the arguments of ``Attention``.
    """

    @fast_path('scored_attention')
    @in_float32
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Attend over all tokens.

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
        return self.proj_drop(self.proj(self.attend(q, k, v))), scores


def _at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
