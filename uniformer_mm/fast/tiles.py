"""Inference on a CPU in tiles, so that wide activations stay in its cache.

The hidden activations of an MLP are three to four times its input; on a map of
200 x 336 tokens they are fetched from main memory, and the operating system
has to hand out the pages anew in each call. A tile of tokens needs neither.
Results are written over maps that were made here, never over an input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.fast.forms import fast_form
from uniformer_mm.fast.kinds import (
    is_layer_norm,
    is_mlp,
    is_norm_or_nothing,
    keeps_all,
    keeps_size,
)
from uniformer_mm.fast.leaves import call
from uniformer_mm.fast.linear import multiplies
from uniformer_mm.fast.mlp import (
    MLP_OF_TOKENS,
    linear_of_tokens,
    mlp_of_tokens,
)
from uniformer_mm.fast.rules import is_of_torch

# Of 256 to 2048 hidden channels: 2 to 16 MiB in float32. Smaller tiles are no
# faster, and each parallel loop waits long where other programs run as well.
TOKENS_PER_THREAD = 2048


def split_tokens(*tokens: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield tiles of equal tokens: n x (..., C) -> n x (L, C), views."""
    # (..., C) -> (L, C)
    flat = [x.view(-1, x.shape[-1]) for x in tokens]
    most = TOKENS_PER_THREAD * torch.get_num_threads()
    count = max(1, -(-flat[0].shape[0] // most))  # an empty batch: one tile
    return zip(*(x.chunk(count) for x in flat), strict=True)


MLP = {'mlp': is_mlp, **{f'mlp.{k}': v for k, v in MLP_OF_TOKENS.items()}}


@fast_form(
    'conv_block',
    grad=False,
    needs={
        'norm1': is_norm_or_nothing,
        'conv1': multiplies,
        'attn': keeps_size,
        'conv2': multiplies,
        'norm2': is_norm_or_nothing,
        'drop_path': keeps_all,
        **MLP,
    },
)
def conv_block(block: Any, x: Tensor) -> Any:
    """(N, C, [T,] H, W) -> same: all behind the 5x5 convolution in tiles."""
    tokens = x.movedim(1, -1)  # (N, C, [T,] H, W) -> (N, [T,] H, W, C)
    if not (tokens.is_contiguous() and gains_fit(block, tokens, x.ndim - 2)):
        return NotImplemented
    mixed = call(block.attn, call(block.conv1, block.norm1(x)))
    # On one thread torch's 3D convolutions leave channels-last memory.
    mixed = mixed.movedim(1, -1).contiguous()
    gammas = [
        gamma if gamma is None else gamma.flatten()
        for gamma in (block.gamma_1, block.gamma_2)
    ]
    spread = (None, ..., *[None] * (x.ndim - 3))
    for before, tile in split_tokens(tokens, mixed):
        y = scaled(linear_of_tokens(block.conv2, tile), gammas[0])
        torch.add(before, y, out=tile)
        # (L, C) -> (1, C, L, [1,] 1) -> (L, C)
        y = tile.T[spread]
        y = block.norm2(y)[0].flatten(1).T
        tile += scaled(mlp_of_tokens(block.mlp, y), gammas[1])
    return mixed.movedim(-1, 1)  # (N, [T,] H, W, C) -> (N, C, [T,] H, W)


@fast_form(
    'attention_block',
    grad=False,
    needs={'norm2': is_layer_norm, 'drop_path': keeps_all, **MLP},
)
def attention_block(block: Any, x: Tensor) -> Any:
    """(N, C, [T,] H, W) -> same: the MLP in tiles."""
    if not gains_fit(block, x.movedim(1, -1)):
        return NotImplemented
    # (N, C, [T,] H, W) -> (N, [T,] H, W, C)
    y = block.attend(x.movedim(1, -1))
    if type(y) is not Tensor:  # a user's class, which sees what follows
        z = scaled(block.mlp(block.norm2(y)), block.gamma_2)
        return (y + z).movedim(-1, 1)
    y = y.contiguous()
    if y.data_ptr() == x.data_ptr():  # a subclass may attend to nothing
        y = y.clone()
    for (tile,) in split_tokens(y):
        z = mlp_of_tokens(block.mlp, block.norm2(tile))
        tile += scaled(z, block.gamma_2)
    return y.movedim(-1, 1)  # (N, [T,] H, W, C) -> (N, C, [T,] H, W)


def gains_fit(block: Any, tokens: Tensor, axes_behind: int = 0) -> bool:
    """Whether both gains of ``block`` are one number per channel, or None."""
    fitting = (tokens.shape[-1], *[1] * axes_behind)
    return all(
        gain is None
        or (
            is_of_torch(gain)
            and gain.shape in (fitting, (1, *fitting))
            and gain.dtype == tokens.dtype  # else torch tells why
        )
        for gain in (block.gamma_1, block.gamma_2)
    )


def scaled(x: Tensor, gamma: Tensor | None) -> Tensor:
    """Multiply by the gain of a residual branch, if it has one."""
    return x if gamma is None else gamma * x
