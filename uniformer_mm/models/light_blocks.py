"""Attention blocks of light models, which pass a class token and scores along.

For the official code, and what differs from it, see ``uniformer_light``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from uniformer_mm.fast.path import fast_path, graph_path, named
from uniformer_mm.models.attention import ScoredAttention
from uniformer_mm.models.blocks import AttentionBlock
from uniformer_mm.models.layers import gain, scaled, to_map, to_tokens

__all__ = ['LEAST_SUM', 'FullBlock', 'ShrinkBlock', 'in_order']

# NOTE: the official code divides by a sum of scores that is zero when the
# class token attends to kept tokens alone; larger sums are left as they are.
LEAST_SUM = 1e-12


class FullBlock(AttentionBlock):
    """First block of stage 3: all tokens attend, and get their scores.

    Takes the arguments of ``AttentionBlock``.
    """

    attention = ScoredAttention

    @fast_path('full_block')
    def mix(  # type: ignore[override]
        self, x: Tensor, cls_token: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Attend over the class token and all tokens.

        Args:
            x: (N, C, [T,] H, W).
            cls_token: (N, 1, C).

        Returns:
            tuple: The map, the class token and the scores (N, [T,] H, W).
        """
        # (N, C, [T,] H, W) -> (N, L, C) -> (N, 1 + L, C)
        tokens = torch.cat([cls_token, to_tokens(x).flatten(1, -2)], 1)
        mixed, scores = self.attn(self.norm1(tokens))
        tokens = tokens + self.drop_path(scaled(mixed, self.gamma_1))
        mixed = scaled(self.mlp(self.norm2(tokens)), self.gamma_2)
        tokens = tokens + self.drop_path(mixed)
        cls_token, tokens = tokens[:, :1], tokens[:, 1:]
        # (N, L) -> (N, [T,] H, W)
        scores = scores[:, 1:].reshape(x[:, 0].shape)
        # (N, L, C) -> (N, C, [T,] H, W)
        x = to_map(tokens.reshape(to_tokens(x).shape))
        return x, cls_token, scores


class ShrinkBlock(AttentionBlock):
    """The better half of the tokens attends, one token stands for the rest.

    The rest gets the update of its representative, and all tokens go back to
    their places. Takes the arguments of ``AttentionBlock``.

    Attributes:
        trade_off (float): Share of the new score of a token in the sum with
            its old one.
        least_sum (float): What sums of scores are at least, to divide by.
    """

    attention = ScoredAttention
    trade_off = 0.5
    least_sum = LEAST_SUM

    def __init__(self, ndim: int, dim: int, **settings: Any) -> None:
        super().__init__(ndim, dim, **settings)
        layer_scale = settings['layer_scale']
        # NOTE: as officially, images have a gain of their own for the update
        # of the rest, videos use those of the two branches.
        self.gamma_3 = gain((dim,), layer_scale) if ndim == 2 else None

    @fast_path('shrink_block')
    def mix(  # type: ignore[override]
        self, x: Tensor, cls_token: Tensor, scores: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Attend over the class token, half of the tokens and one more.

        Args:
            x: (N, C, [T,] H, W).
            cls_token: (N, 1, C).
            scores: (N, [T,] H, W).

        Returns:
            tuple: The map, the class token and the scores, shaped as before.
        """
        scores = scores.flatten(1)  # (N, [T,] H, W) -> (N, L)
        scores, order = in_order(scores)
        # (N, C, [T,] H, W) -> (N, L, C)
        tokens = _gather(to_tokens(x).flatten(1, -2), order)
        kept = scores.shape[1] // 2

        rest, weight = tokens[:, kept:], scores[:, kept:, None]
        total = weight.sum(1, keepdim=True).clamp_min(self.least_sum)
        weight = (weight / total).to(rest.dtype)
        summary = (weight * rest).sum(1, keepdim=True)  # (N, 1, C)
        # (N, 1 + L / 2 + 1, C)
        part = torch.cat([cls_token, tokens[:, :kept], summary], 1)

        mixed, row = self.attn(self.norm1(part))
        update = self._scale_update(mixed[:, -1:], self.gamma_1)
        part = part + self.drop_path(scaled(mixed, self.gamma_1))
        mixed = self.mlp(self.norm2(part))
        update = update + self._scale_update(mixed[:, -1:], self.gamma_2)
        part = part + self.drop_path(scaled(mixed, self.gamma_2))

        cls_token = part[:, :1]
        # NOTE: as officially, the update of the rest is never dropped.
        tokens = torch.cat([part[:, 1:-1], rest + update], 1)
        better = torch.lerp(scores[:, :kept], row[:, 1:-1], self.trade_off)
        scores = torch.cat([better, scores[:, kept:]], 1)

        places = order.argsort(1)
        # (N, L, C) -> (N, C, [T,] H, W)
        x = to_map(_gather(tokens, places).reshape(to_tokens(x).shape))
        # (N, L) -> (N, [T,] H, W)
        scores = scores.gather(1, places).reshape(x[:, 0].shape)
        return x, cls_token, scores

    @named('_scale_update')
    def _scale_update(self, update: Tensor, gamma: Tensor | None) -> Tensor:
        return scaled(update, gamma if self.gamma_3 is None else self.gamma_3)


@graph_path('order')
def in_order(scores: Tensor) -> tuple[Tensor, Tensor]:
    """(N, L) -> the scores, descending and stable, and their places."""
    values, places = scores.sort(dim=1, descending=True, stable=True)
    return values, places


def _gather(tokens: Tensor, order: Tensor) -> Tensor:
    """Put tokens (N, L, C) in the order (N, L) of their indices."""
    return tokens.gather(1, order[..., None].expand_as(tokens))
