"""Attention rollout (arXiv 2005.00928): attention through all blocks.

Half of each token stays as it is, the other half comes from what it attends
to, on the mean over heads. A token of stage 4 is made of the tokens of stage 3
in its patch, in equal shares. Zeros that fill windows are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from uniformer_mm.models.light_blocks import FullBlock, ShrinkBlock
from uniformer_mm.view.attention import attended
from uniformer_mm.view.recorded import Call

__all__ = ['rollout']

STAY = 0.5


def rollout(calls: Sequence[Call], token: int | None = None) -> Tensor:
    """Trace back what the last block's output is made of.

    Args:
        calls: Of all attention blocks in order, from the first one of stage 3.
        token: Index in the last map, row by row. None takes the class token
            of light models, and all tokens of others in equal shares.

    Returns:
        Tensor: ([T,] H, W) of stage 3, float32, >= 0. It sums to 1, or of
        light models to what does not stay with the class token.
    """
    last = calls[-1]
    is_light = isinstance(last.block, FullBlock | ShrinkBlock)
    length = torch.Size(last.shape).numel()
    shares = torch.zeros(is_light + length, device=last.tokens.device)
    if token is not None:
        shares[is_light + token] = 1
    elif is_light:
        shares[0] = 1
    else:
        shares[:] = 1 / length
    shape = last.shape
    for call in reversed(calls):
        if call.shape != shape:
            cls, tokens = shares[:is_light], shares[is_light:]
            tokens = _to_patches(tokens.view(shape), call.shape)
            shares = torch.cat([cls, tokens.flatten()])
            shape = call.shape
        moved = attended(call, shares, stay=STAY, padding=False).mean(0)
        shares = STAY * shares + (1 - STAY) * moved
    return shares[is_light:].view(shape)


def _to_patches(shares: Tensor, shape: tuple[int, ...]) -> Tensor:
    """([T,] h, w) -> ([T,] H, W): shares of patches to those of tokens."""
    rows = _patches(shares.shape[-2], shape[-2]).to(shares)
    columns = _patches(shares.shape[-1], shape[-1]).to(shares)
    return rows @ shares @ columns.T


def _patches(number: int, tokens: int) -> Tensor:
    """(tokens, patches): the share of a patch that each of its tokens has."""
    patch = torch.arange(tokens) // 2
    inside = patch[:, None] == torch.arange(number)
    return inside / inside.sum(0).clamp_min(1)
