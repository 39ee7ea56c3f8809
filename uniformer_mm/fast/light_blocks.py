"""Attention blocks of light models, in inference on a CPU.

Tokens stay in their places: those that attend are copied out and, row by row,
back. Written out, all are sorted twice, by an index as large as the map, and
cut and put together in between. Results are written over what was made here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from uniformer_mm.fast.attention import attend
from uniformer_mm.fast.forms import Fits, fast_form
from uniformer_mm.fast.kinds import (
    drops_nothing,
    is_layer_norm,
    is_mlp,
    keeps_all,
)
from uniformer_mm.fast.linear import multiplies
from uniformer_mm.fast.mlp import (
    MLP_OF_TOKENS,
    linear_of_tokens,
    mlp_of_tokens,
)
from uniformer_mm.fast.path import has_own, is_named
from uniformer_mm.fast.rules import is_of_torch
from uniformer_mm.fast.tiles import scaled

__all__ = ['full_block', 'shrink_block']

# In half precision sums of products are rounded otherwise than here.
DTYPES = (torch.float32, torch.float64)
NEEDS: Mapping[str, Fits] = {
    'norm1': is_layer_norm,
    'attn': lambda module: is_named(module, 'scored_attention'),
    'attn.qkv': multiplies,
    'attn.proj': multiplies,
    'attn.proj_drop': drops_nothing,
    'drop_path': keeps_all,
    'norm2': is_layer_norm,
    'mlp': is_mlp,
    **{f'mlp.{name}': fits for name, fits in MLP_OF_TOKENS.items()},
}


@fast_form('full_block', grad=False, needs=NEEDS)
def full_block(block: Any, x: Tensor, *state: Tensor) -> Any:
    """(N, C, [T,] H, W), (N, 1, C) -> the same and scores (N, [T,] H, W)."""
    if not fits(block, x, state, ((len(x), 1, x.shape[1]),)):
        return NotImplemented
    (cls_token,) = state
    # (N, C, [T,] H, W) -> (N, L, C) -> (N, 1 + L, C)
    tokens = torch.cat([cls_token, x.movedim(1, -1).flatten(1, -2)], 1)
    mixed, scores = attend_with_scores(block, tokens)
    tokens += scaled(mixed, block.gamma_1)
    mixed = mlp_of_tokens(block.mlp, block.norm2(tokens))
    mixed = scaled(mixed, block.gamma_2)
    cls_token = tokens[:, :1] + mixed[:, :1]
    y = tokens[:, 1:] + mixed[:, 1:]
    scores = scores[:, 1:].reshape(x[:, 0].shape)
    return as_map(y, x), cls_token, scores


@fast_form('shrink_block', grad=False, needs=NEEDS)
def shrink_block(block: Any, x: Tensor, *state: Tensor) -> Any:
    """(N, C, [T,] H, W), (N, 1, C), (N, [T,] H, W) -> the same."""
    wanted = ((len(x), 1, x.shape[1]), x[:, 0].shape)
    if not (fits(block, x, state, wanted) and has_own(block, '_scale_update')):
        return NotImplemented
    cls_token, scores = state
    # (N, C, [T,] H, W) -> (N, L, C), (N, [T,] H, W) -> (N, L)
    tokens = x.movedim(1, -1).flatten(1, -2).contiguous()
    scores = scores.flatten(1)
    values, order = scores.sort(dim=1, descending=True, stable=True)
    kept = order.shape[1] // 2
    places = order[:, :kept]

    # The weight of each token in the sum that stands for the rest, (N, 1, L).
    total = values[:, kept:].sum(1, keepdim=True).clamp_min(block.least_sum)
    weight = (scores.scatter(1, places, 0) / total)[:, None]
    part = tokens.new_empty(len(x), 1 + kept + 1, x.shape[1])
    part[:, :1] = cls_token
    part[:, -1:] = torch.bmm(weight, tokens)
    for image, some, into in zip(tokens, places, part, strict=True):
        torch.index_select(image, 0, some, out=into[1:-1])

    mixed, row = attend_with_scores(block, part)
    update = block._scale_update(mixed[:, -1:], block.gamma_1)
    part += scaled(mixed, block.gamma_1)
    mixed = mlp_of_tokens(block.mlp, block.norm2(part))
    update = update + block._scale_update(mixed[:, -1:], block.gamma_2)
    part += scaled(mixed, block.gamma_2)

    y = tokens + update
    for image, some, new in zip(y, places, part, strict=True):
        image.index_copy_(0, some, new[1:-1])
    better = torch.lerp(values[:, :kept], row[:, 1:-1], block.trade_off)
    scores = scores.scatter(1, places, better).view(x[:, 0].shape)
    return as_map(y, x), part[:, :1], scores


def fits(
    block: Any,
    x: Tensor,
    state: tuple[Tensor, ...],
    shapes: tuple[tuple[int, ...], ...],
) -> bool:
    """Whether all is of one kind and of these shapes, as in the models.

    What else is written may broadcast, or raise an error.
    """
    gains = (getattr(block, f'gamma_{i}', None) for i in (1, 2, 3))
    return (
        x.dtype in DTYPES
        and tuple(tuple(each.shape) for each in state) == shapes
        and all(
            type(each) is Tensor
            and each.dtype == x.dtype
            and each.device == x.device
            for each in state
        )
        and all(
            gain is None
            or (
                is_of_torch(gain)
                and gain.shape == x.shape[1:2]
                and gain.dtype == x.dtype
            )
            for gain in gains
        )
        and has_own(block.attn, 'heads')
        and has_own(block.attn, 'attend')
    )


def attend_with_scores(block: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """(N, L, C) -> the same, and how the first token attends, (N, L)."""
    attention = block.attn
    qkv = linear_of_tokens(attention.qkv, block.norm1(x))
    # (N, L, 3 * C) -> 3 x (N, heads, L, D)
    shape = (3, attention.num_heads, attention.head_dim)
    q, k, v = qkv.view(*x.shape[:2], *shape).permute(2, 0, 3, 1, 4).unbind(0)
    # (N, heads, 1, D) * (N, heads, L, D) -> (N, heads, L) -> (N, L)
    first = q[:, :, :1] * attention.head_dim**-0.5
    scores = (first * k).sum(-1).softmax(-1).mean(1)
    y = attend(attention, q, k, v)
    if y is NotImplemented:
        y = F.scaled_dot_product_attention(q, k, v)
        # (N, heads, L, D) -> (N, L, C)
        y = y.transpose(1, 2).flatten(2)
    return linear_of_tokens(attention.proj, y), scores


def as_map(tokens: Tensor, x: Tensor) -> Tensor:
    """(N, L, C) -> (N, C, [T,] H, W), shaped as ``x``."""
    return tokens.view(x.movedim(1, -1).shape).movedim(-1, 1)
