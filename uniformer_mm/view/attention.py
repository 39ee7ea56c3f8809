"""What tokens attend to, computed again from queries and keys.

Fused attention keeps no weights, and those of a whole map are many: 336 MiB
per block at 800x1344. So ``attended`` tells where given weights on the queries
flow to, some rows of the attention at once; a single query has its row.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from uniformer_mm.models.attention import (
    Attention,
    merge_windows,
    split_windows,
)
from uniformer_mm.models.blocks import SplitAttentionBlock
from uniformer_mm.models.light_blocks import (
    LEAST_SUM,
    FullBlock,
    ShrinkBlock,
    in_order,
)
from uniformer_mm.view.recorded import Call

__all__ = ['AttentionMap', 'attended', 'attention_map', 'flow']

AT_ONCE = 1 << 22  # weights in memory


@dataclass(frozen=True)
class AttentionMap:
    """What one token attends to.

    Attributes:
        weights (Tensor): (heads, [T,] H, W), float32, >= 0. Of split blocks
            the attention over space, followed over time.
        elsewhere (Tensor): (heads,), the weight on what the map does not
            show: the class token, or zeros that fill a window. With it,
            weights sum to 1.
        kept (Tensor | None): ([T,] H, W), bool: the tokens that attend in a
            ``ShrinkBlock``; one stands for the others.
    """

    weights: Tensor
    elsewhere: Tensor
    kept: Tensor | None


def attention_map(call: Call, token: int | None) -> AttentionMap:
    """Return what a token attends to.

    Args:
        call: Of the block.
        token: Index in the map, row by row; None is the class token.

    Raises:
        ValueError: There is no class token.
    """
    is_light = isinstance(call.block, FullBlock | ShrinkBlock)
    if token is None and not is_light:
        raise ValueError('this model has no class token; choose a point')
    start = call.tokens.new_zeros(is_light + _length(call))
    start[0 if token is None else is_light + token] = 1
    weights = attended(call, start)
    shown = weights[:, is_light:]
    return AttentionMap(
        shown.reshape(-1, *call.shape),
        1 - shown.sum(1),
        kept_tokens(call),
    )


def kept_tokens(call: Call) -> Tensor | None:
    """Return which tokens attend in a ``ShrinkBlock``, ([T,] H, W), bool."""
    if call.scores is None:
        return None
    _, order = in_order(call.scores.flatten(1))
    kept = torch.zeros(_length(call), dtype=torch.bool)
    kept[order[0, : _length(call) // 2].cpu()] = True
    return kept.reshape(call.shape)


@torch.no_grad()
def attended(
    call: Call, start: Tensor, *, stay: float = 0, padding: bool = True
) -> Tensor:
    """Let weights on queries flow to the keys that they attend to.

    Args:
        call: Of the block.
        start: (L,), or (1 + L,) with the class token first: weights >= 0.
        stay: Share that stays with a token between attention over time and
            over space, of split blocks.
        padding: Zeros that fill windows attend, as in the model; False leaves
            them out.

    Returns:
        Tensor: (heads, L), or (heads, 1 + L): the sum over queries of their
        weight times their row of the attention.
    """
    block = call.block
    if isinstance(block, SplitAttentionBlock):
        return _over_space_and_time(call, start, stay)
    if isinstance(block, ShrinkBlock):
        return _of_a_part(call, start)
    if isinstance(block, FullBlock):
        return flow(block.attn, call.tokens, start[None])[0]
    if block.window_size is None:
        return flow(block.attn, call.tokens.flatten(1, -2), start[None])[0]
    return _in_windows(call, block.window_size, start, padding)


def flow(
    attn: Attention, x: Tensor, start: Tensor, valid: Tensor | None = None
) -> Tensor:
    """Compute ``start @ softmax(scale * q @ k.T)``, some rows at once.

    Args:
        attn: The attention.
        x: Tokens that it gets, (B, L, C).
        start: (B, L), weights of the queries; rows of weight 0 are left out.
        valid: (B, L), bool, the keys that count; None counts all.

    Returns:
        Tensor: (B, heads, L), float32.
    """
    q, k, _ = attn.heads(x)
    q, k = q.float() * attn.head_dim**-0.5, k.float()
    number, heads, length, _ = q.shape
    result = q.new_zeros(number, heads, length)
    rows = max(1, AT_ONCE // (heads * length))
    for i in range(0, number, max(1, rows // length)):
        b = slice(i, i + max(1, rows // length))
        queries = start[b].any(0).nonzero()[:, 0]
        for used in torch.split(queries, rows):
            # (b, heads, rows, D) @ (b, heads, D, L)
            scores = q[b][:, :, used] @ k[b].transpose(-1, -2)
            if valid is not None:
                scores.masked_fill_(~valid[b, None, None], -torch.inf)
            weights = start[b][:, None, None, used].float()
            result[b] += (weights @ scores.softmax(-1)).squeeze(2)
    return result


def _length(call: Call) -> int:
    return torch.Size(call.shape).numel()


def _in_windows(call: Call, size: int, start: Tensor, padding: bool) -> Tensor:
    h, w = call.shape

    def windows(x: Tensor) -> tuple[Tensor, torch.Size]:
        parts = split_windows(x, size)
        # (1, rows, cols, size, size, C) -> (rows * cols, L, C)
        return parts.flatten(3, 4).flatten(0, 2), parts.shape

    x, shape = windows(call.tokens)
    weights, _ = windows(start.view(1, h, w, 1))
    valid = None
    if not padding:
        inside, _ = windows(torch.ones_like(start).view(1, h, w, 1))
        valid = inside[..., 0] > 0
    result = flow(call.block.attn, x, weights[..., 0], valid)
    # (B, heads, L) -> (1, rows, cols, size, size, heads) -> (1, h, w, heads)
    parts = result.transpose(1, 2).reshape(*shape[:-1], -1)
    merged: Tensor = merge_windows(parts, h, w)
    return merged[0].flatten(0, 1).T


def _of_a_part(call: Call, start: Tensor) -> Tensor:
    """Class token, kept tokens, and one whose weight the others share."""
    assert call.scores is not None
    scores, order = in_order(call.scores.flatten(1).float())
    scores, order = scores[0], order[0]
    kept = len(order) // 2
    rest = scores[kept:] / scores[kept:].sum().clamp_min(LEAST_SUM)
    own = start[1:][order]
    part = torch.cat([start[:1], own[:kept], own[kept:].sum()[None]])
    found = flow(call.block.attn, call.tokens, part[None])[0]
    result = found.new_zeros(len(found), len(start))
    result[:, 0] = found[:, 0]
    result[:, 1 + order[:kept]] = found[:, 1:-1]
    result[:, 1 + order[kept:]] = found[:, -1:] * rest
    return result


def _over_space_and_time(call: Call, start: Tensor, stay: float) -> Tensor:
    block = call.block
    assert isinstance(block, SplitAttentionBlock)
    assert call.over_time is not None
    frames, length, _ = call.tokens.shape
    # (T, heads, H * W)
    space = flow(block.attn, call.tokens, start.view(frames, length))
    # Heads of the one are not those of the other: over time, their mean.
    moved = torch.stack(
        # (T, H * W) -> (H * W, heads, T) -> (T, H * W)
        [
            flow(block.t_attn, call.over_time, head.T).mean(1).T
            for head in space.unbind(1)
        ]
    )
    mixed = stay * space.transpose(0, 1) + (1 - stay) * moved
    return mixed.flatten(1)  # (heads, T, H * W) -> (heads, L)
