"""The official formulation of the light models; see ``official.py``.

Tokens, scores and their numbers are all gathered in the order of the scores,
and back, in every block. The numbers stay int64: the official code packs them
into the features, which needs float32.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.official import OfficialUniFormer
from benchmarks.official_blocks import (
    OfficialAttentionBlock,
    OfficialConvBlock,
    axes,
    times,
)
from uniformer_mm import ArchSpec

__all__ = ['OfficialUniFormerLight']


def take(x: Tensor, order: Tensor) -> Tensor:
    """Gather along the tokens; (N, L[, C]), (N, L) -> the first's shape."""
    if x.ndim == 3:
        order = order.unsqueeze(-1).expand(-1, -1, x.shape[-1])
    return x.gather(1, order)


class OfficialFullBlock(OfficialAttentionBlock):
    """All tokens attend and get their scores."""

    def forward(  # type: ignore[override]
        self, x: Tensor, cls_token: Tensor, _: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(N, C, ...), (N, 1, C) -> the same, and the scores (N, L)."""
        x = x + self.pos_embed(x)
        # (N, C, ...) -> (N, L, C) -> (N, 1 + L, C)
        tokens = torch.cat([cls_token, x.flatten(2).transpose(1, 2)], 1)
        mixed, matrix = self.attn(self.norm1(tokens))
        tokens = tokens + times(self.gamma_1, mixed)
        tokens = tokens + times(self.gamma_2, self.mlp(self.norm2(tokens)))
        # (N, L, C) -> (N, C, L) -> (N, C, ...)
        x = tokens[:, 1:].transpose(1, 2).reshape(x.shape)
        return x, tokens[:, :1], matrix[:, :, 0, 1:].mean(1)


class OfficialShrinkBlock(OfficialAttentionBlock):
    """Half of the tokens attends, one more stands for the others."""

    def __init__(
        self, ndim: int, dim: int, head_dim: int, ratio: float, scale: float
    ) -> None:
        super().__init__(ndim, dim, head_dim, ratio, scale)
        self.gamma_3 = (
            nn.Parameter(torch.full((dim,), scale))
            if scale and ndim == 2
            else None
        )

    def forward(  # type: ignore[override]
        self, x: Tensor, cls_token: Tensor, scores: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(N, C, ...), (N, 1, C), (N, L) -> the same."""
        x = x + self.pos_embed(x)
        tokens = x.flatten(2).transpose(1, 2)  # (N, C, ...) -> (N, L, C)
        order = scores.argsort(dim=1, descending=True, stable=True)
        numbers = torch.arange(order.shape[1], device=x.device)
        tokens, scores, numbers = (
            take(each, order)
            for each in (tokens, scores, numbers.expand_as(order))
        )
        kept = scores.shape[1] // 2
        rest = tokens[:, kept:]
        weight = scores[:, kept:] / scores[:, kept:].sum(1, keepdim=True)
        summary = (weight.to(rest.dtype).unsqueeze(-1) * rest).sum(1, True)
        part = torch.cat([cls_token, tokens[:, :kept], summary], 1)

        mixed, matrix = self.attn(self.norm1(part))
        first = mixed[:, -1:]
        part = part + times(self.gamma_1, mixed)
        mixed = self.mlp(self.norm2(part))
        part = part + times(self.gamma_2, mixed)
        if self.gamma_3 is None:
            first = times(self.gamma_1, first)
            update = first + times(self.gamma_2, mixed[:, -1:])
        else:
            update = self.gamma_3 * (first + mixed[:, -1:])
        tokens = torch.cat([part[:, 1:-1], rest + update], 1)
        row = matrix[:, :, 0, 1:-1].mean(1)
        better = 0.5 * scores[:, :kept] + 0.5 * row
        scores = torch.cat([better, scores[:, kept:]], 1)

        back = numbers.argsort(1)
        # (N, L, C) -> (N, C, L) -> (N, C, ...)
        x = take(tokens, back).transpose(1, 2).reshape(x.shape)
        return x, part[:, :1], take(scores, back)


class OfficialUniFormerLight(OfficialUniFormer):
    """The XXS and XS models for images and videos.

    Args:
        spec (ArchSpec): The variant.
        ndim (int): 2 for images, 3 for videos. Defaults to 2.
        out_norm (str): 'LN' or 'BN'. Defaults to 'LN'.
    """

    def __init__(
        self, spec: ArchSpec, *, ndim: int = 2, out_norm: str = 'LN'
    ) -> None:
        super().__init__(spec, ndim=ndim, out_norm=out_norm)
        self.ndim = ndim
        dims = spec.embed_dims
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dims[2]))
        self.cls_upsample = nn.Linear(dims[2], dims[3])

    def make_block(
        self, spec: ArchSpec, ndim: int, i: int, j: int
    ) -> nn.Module:
        """Return block ``j`` of stage ``i``."""
        dim, scale = spec.embed_dims[i], spec.layer_scale[i]
        if i < 2:
            return OfficialConvBlock(ndim, dim, spec.mlp_ratio, scale)
        kind = OfficialShrinkBlock if i + j > 2 else OfficialFullBlock
        return kind(ndim, dim, spec.head_dim, spec.mlp_ratio, scale)

    def run_stage(self, i: int, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Run the blocks of stage ``i``, from the third on with scores."""
        if i < 2:
            return super().run_stage(i, x, state)
        if state is None:
            state = self.cls_token.expand(x.shape[0], -1, -1), None
        else:
            state = self.cls_upsample(state[0]), state[1]
        for block in getattr(self, f'blocks{i + 1}'):
            x, *state = block(x, *state)
        cls_token, scores = state
        if i == 2:
            # (N, L) -> (N, 1, [T,] H, W)
            map_ = scores.view(-1, 1, *x.shape[2:])
            pool = F.avg_pool2d if self.ndim == 2 else F.avg_pool3d
            pooled = pool(map_, axes(self.ndim, 1, 2)).flatten(1)
            total = scores.sum(1, keepdim=True)
            scores = pooled * (total / pooled.sum(1, keepdim=True))
        return x, (cls_token, scores)
