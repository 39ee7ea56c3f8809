"""Other ways to compute the same, to be measured against the package's.

Each candidate changes a model of ours in place and gives the same outputs up
to rounding (``tests/test_benchmarks/test_candidates.py``). One that is
measured to be faster moves into the package, one that is not moves out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm.backbones import blocks, tiles
from uniformer_mm.backbones.attention import (
    Attention,
    merge_windows,
    split_windows,
)
from uniformer_mm.backbones.convs import PointwiseConv2d, PointwiseConv3d

__all__ = ['CANDIDATES']


def project_first(attention: Any, x: Tensor, size: int) -> Tensor:
    """Project real tokens alone, and cut the projections into windows.

    Zeros that are added before the bias are what padding would become.

    Args:
        attention: The module with the weights.
        x: (N, H, W, C).
        size: Side of the windows.

    Returns:
        Tensor: (N, H, W, C).
    """
    windows = split_windows(F.linear(x, attention.qkv.weight), size)
    windows += attention.qkv.bias
    # (N, rows, cols, size, size, 3 * C) -> (B, L, 3 * C)
    qkv = windows.flatten(3, 4).flatten(0, 2)
    mixed = attention.mix(*_heads(attention, qkv))
    # (B, L, C) -> (N, rows, cols, size, size, C)
    mixed = mixed.view(*windows.shape[:5], -1)
    return attention.project(merge_windows(mixed, *x.shape[1:3]))


def group_windows(attention: Any, x: Tensor, size: int) -> Tensor:
    """Attend with real tokens alone, and one key that stands for padding.

    All padding of a window has the same key and value, the biases; n equal
    keys weigh as one whose score is higher by log(n). Windows that are cut by
    the border form groups of their own size.

    Args:
        attention: The module with the weights, without dropout.
        x: (N, H, W, C).
        size: Side of the windows.

    Returns:
        Tensor: (N, H, W, C).
    """
    n, h, w, c = x.shape
    qkv = attention.qkv(x)
    out = torch.empty_like(qkv[..., :c])
    for top, bottom, rows in _groups(h, size):
        for left, right, cols in _groups(w, size):
            part = qkv[:, top:bottom, left:right]
            # (N, h, w, 3 * C) -> (N, down, rows, across, cols, 3 * C)
            part = part.unflatten(1, (-1, rows)).unflatten(3, (-1, cols))
            # -> (N, down, across, rows, cols, 3 * C) -> (B, L, 3 * C)
            part = part.transpose(2, 3)
            shape = part.shape[:5]
            part = part.reshape(-1, rows * cols, 3 * c)
            pads = size * size - rows * cols
            mixed = _attend_with_pads(attention, part, pads)
            # (B, L, C) -> (N, down, across, rows, cols, C)
            mixed = mixed.view(*shape, c).transpose(2, 3)
            # -> (N, h, w, C)
            mixed = mixed.reshape(n, bottom - top, right - left, c)
            out[:, top:bottom, left:right] = mixed
    return attention.project(out)


def _groups(length: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, real tokens per window) of one axis."""
    whole = length // size * size
    if whole:
        yield 0, whole, size
    if whole < length:
        yield whole, length, length - whole


def _attend_with_pads(attention: Any, qkv: Tensor, pads: int) -> Tensor:
    q, k, v = _heads(attention, qkv)
    if pads == 0:
        return attention.mix(q, k, v)
    # (3 * C,) -> 3 x (heads, 1, D)
    biases = attention.qkv.bias.view(3, q.shape[1], 1, q.shape[3]).to(q.dtype)
    one = (k.shape[0], -1, -1, -1)
    k = torch.cat([k, biases[1].expand(one)], 2)
    v = torch.cat([v, biases[2].expand(one)], 2)
    bonus = q.new_zeros(k.shape[2])
    bonus[-1] = math.log(pads)
    mixed = F.scaled_dot_product_attention(
        q, k, v, attn_mask=bonus.expand(1, 1, q.shape[2], -1)
    )
    # (B, heads, L, D) -> (B, L, heads, D) -> (B, L, C)
    return mixed.transpose(1, 2).flatten(2)


def _heads(attention: Any, qkv: Tensor) -> tuple[Tensor, ...]:
    b, length, _ = qkv.shape
    qkv = qkv.view(b, length, 3, attention.num_heads, attention.head_dim)
    # (B, L, 3, heads, D) -> 3 x (B, heads, L, D)
    return qkv.permute(2, 0, 3, 1, 4).unbind(0)


def _with_windows(
    attend: Callable[[Any, Tensor, int], Tensor], model: nn.Module
) -> nn.Module:
    for module in model.modules():
        if isinstance(module, Attention):
            plain = module.forward

            def forward(
                x: Tensor,
                window_size: int | None,
                module: Any = module,
                plain: Any = plain,
            ) -> Tensor:
                if window_size is None:
                    return plain(x, None)
                return attend(module, x, window_size)

            module.forward = forward  # type: ignore[method-assign]
    return model


def linear_pointwise(model: nn.Module) -> nn.Module:
    """Compute convolutions of kernel 1 as linear layers on tokens."""
    for module in model.modules():
        if isinstance(module, (PointwiseConv2d, PointwiseConv3d)):

            def forward(x: Tensor, module: Any = module) -> Tensor:
                weight = module.weight.flatten(
                    1
                )  # (out, in, ...) -> (out, in)
                if x.ndim == 2:
                    return F.linear(x, weight, module.bias)
                # (N, C, ...) -> (N, ..., C) -> (N, C, ...)
                x = F.linear(x.movedim(1, -1), weight, module.bias)
                return x.movedim(-1, 1)

            module.forward = forward  # type: ignore[method-assign]
    return model


class Patched(nn.Module):
    """Run a model with one attribute of a module of the package replaced."""

    def __init__(self, model: nn.Module, *where: Any) -> None:
        super().__init__()
        self.model = model
        self.where = where

    def forward(self, x: Tensor) -> Any:
        """Return what the model does."""
        with patch.object(*self.where):
            return self.model(x)


def untiled(model: nn.Module) -> nn.Module:
    """Run MLPs on whole maps in inference on a CPU too."""
    return Patched(model, blocks, 'tiles_pay', lambda *_: False)


def tile(tokens: int, model: nn.Module) -> nn.Module:
    """Run tiles of so many tokens per thread."""
    return Patched(model, tiles, 'TOKENS_PER_THREAD', tokens)


CANDIDATES: Mapping[str, Callable[[nn.Module], nn.Module]] = {
    'projected': partial(_with_windows, project_first),
    'grouped': partial(_with_windows, group_windows),
    'linear': linear_pointwise,
    'untiled': untiled,
    'tile512': partial(tile, 512),
    'tile2048': partial(tile, 2048),
    'tile4096': partial(tile, 4096),
}
