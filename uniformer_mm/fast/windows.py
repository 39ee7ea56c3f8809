"""Windows of a map on a CPU, without the padding at its border.

The zeros that fill windows up become tokens with the bias of the projection as
query, key and value. What these queries attend to is thrown away, and ``n``
equal keys weigh as much in a softmax as one whose score is greater by
``log(n)``. So neither is computed: windows of one kind (whole, or cut at the
right, at the bottom, in the corner) attend together, from their tokens alone
to these and one more key.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from uniformer_mm.fast.forms import fast_form
from uniformer_mm.fast.leaves import call
from uniformer_mm.fast.linear import multiplies
from uniformer_mm.fast.path import is_named

# In half precision a logarithm is rounded by more than sums of scores are.
DTYPES = (torch.float32, torch.float64)


class Strip(NamedTuple):
    """Windows along an axis, from ``start`` on, all of one length."""

    start: int
    windows: int
    length: int


def strips(length: int, size: int) -> Iterator[Strip]:
    """Yield the whole windows along an axis, then the one that is cut."""
    count, rest = divmod(length, size)
    if count:
        yield Strip(0, count, size)
    if rest:
        yield Strip(count * size, 1, rest)


@fast_form('attention', grad=False, needs={'qkv': multiplies})
@fast_form('attention', grad=True, needs={'qkv': multiplies})
def attend_in_windows(
    attention: Any, x: Tensor, window_size: int | None = None
) -> Any:
    """(N, H, W, C) -> same, in windows that do not fit the map."""
    if (
        window_size is None
        or x.ndim != 4
        or x.dtype not in DTYPES
        or not (x.shape[1] % window_size or x.shape[2] % window_size)
        or not is_as_written(attention)
    ):
        return NotImplemented
    n = len(x)
    rows, cols = (list(strips(side, window_size)) for side in x.shape[1:3])
    tokens = torch.cat([cut(x, row, col) for row in rows for col in cols])
    counts = [
        n * row.windows * row.length * col.windows * col.length
        for row in rows
        for col in cols
    ]
    # One product for windows of all kinds: (L, C) -> (L, 3 * C) -> by kind
    kinds = iter(call(attention.qkv, tokens).split(counts))
    y = torch.cat(
        [
            torch.cat(
                [
                    attend(attention, next(kinds), n, row, col, window_size)
                    for col in cols
                ],
                dim=2,
            )
            for row in rows
        ],
        dim=1,
    )
    return attention.proj_drop(call(attention.proj, y))


def is_as_written(attention: Any) -> bool:
    """Whether it attends as the models' class does, and drops nothing."""
    return (
        is_named(attention, 'attention')
        and all(
            name not in vars(attention) and is_named(attention, name, name)
            for name in ('heads', 'attend')
        )
        and not (attention.training and attention.attn_drop_rate)
    )


def cut(x: Tensor, row: Strip, col: Strip) -> Tensor:
    """Cut windows of one kind out of a map: (N, H, W, C) -> (L, C)."""
    x = x.narrow(1, row.start, row.windows * row.length)
    x = x.narrow(2, col.start, col.windows * col.length)
    # (N, H, W, C) -> (N, rows, height, cols, width, C)
    sizes = (row.windows, row.length, col.windows, col.length)
    x = x.view(len(x), *sizes, x.shape[-1])
    # -> (N, rows, cols, height, width, C) -> (L, C)
    return x.transpose(2, 3).flatten(0, -2)


def attend(
    attention: Any, qkv: Tensor, n: int, row: Strip, col: Strip, size: int
) -> Tensor:
    """Attend within windows of one kind; (L, 3 * C) -> (N, H, W, C)."""
    heads, dim = attention.num_heads, attention.head_dim
    windows = n * row.windows * col.windows
    length = row.length * col.length
    # (L, 3 * C) -> (windows, length, 3, heads, D)
    qkv = qkv.view(windows, length, 3, heads, dim)
    # -> 3 x (windows, heads, length, D)
    q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
    mask = None
    if padding := size**2 - length:
        bias = attention.qkv.bias
        if bias is None:
            bias = q.new_zeros(3 * heads * dim)
        # (3 * C,) -> 3 x (windows, heads, 1, D)
        bias = bias.view(3, 1, heads, 1, dim).expand(3, windows, -1, -1, -1)
        k, v = torch.cat([k, bias[1]], 2), torch.cat([v, bias[2]], 2)
        mask = q.new_zeros(length, length + 1)
        mask[:, -1] = math.log(padding)
    y = F.scaled_dot_product_attention(q, k, v, mask)
    # (windows, heads, length, D) -> (windows, length, heads, D)
    # -> (N, rows, cols, height, width, C)
    y = y.transpose(1, 2).reshape(
        n, row.windows, col.windows, row.length, col.length, heads * dim
    )
    # -> (N, rows, height, cols, width, C) -> (N, H, W, C)
    return y.transpose(2, 3).flatten(3, 4).flatten(1, 2)
