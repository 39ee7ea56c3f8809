"""UniFormer-XXS and -XS: attention on half of the tokens.

Papers: arXiv 2201.09450 ("hourglass" blocks), after Evo-ViT, arXiv
2108.01390. Official code: github.com/Sense-X/UniFormer at 52a0415,
``image_classification/models/uniformer_light.py``, Apache-2.0; re-implemented
from the published facts. What differs: the scores of the tokens are handed
from block to block instead of living in module-level variables, so a model can
run in several threads; the order of the tokens is int64, never packed into
the features; scores are float32 under autocast; equal scores are sorted
stably.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS as MMENGINE_MODELS
from torch import Tensor, nn

from uniformer_mm.backbones.base import InitCfg, StagedBackbone
from uniformer_mm.backbones.blocks import AttentionBlock, gain
from uniformer_mm.backbones.layers import per_axis, scaled
from uniformer_mm.backbones.specs import ArchSpec
from uniformer_mm.registry import MODELS

__all__ = ['LightState', 'UniFormerLight']

TRADE_OFF = 0.5  # of the old and the new score of a token
# NOTE: the official code divides by a sum of scores that is zero when the
# class token attends to kept tokens alone; larger sums are left as they are.
LEAST_SUM = 1e-12


class LightState(NamedTuple):
    """What the attention blocks of a light model pass along.

    Attributes:
        cls_token (Tensor): (N, 1, C).
        scores (Tensor): How much the class token attends to each token,
            (N, [T,] H, W), float32 or wider.
    """

    cls_token: Tensor
    scores: Tensor


class FullBlock(AttentionBlock):
    """First block of stage 3: all tokens attend, and get their scores.

    Takes the arguments of ``AttentionBlock``.
    """

    def forward(  # type: ignore[override]
        self, x: Tensor, cls_token: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Attend over the class token and all tokens.

        Args:
            x: (N, C, [T,] H, W).
            cls_token: (N, 1, C).

        Returns:
            tuple: The map, the class token and the scores (N, [T,] H, W).
        """
        x = x + self.pos_embed(x)
        size = x.shape[2:]
        # (N, C, [T,] H, W) -> (N, L, C) -> (N, 1 + L, C)
        tokens = torch.cat([cls_token, x.flatten(2).mT], 1)
        mixed, scores = self.attn.attend_with_scores(self.norm1(tokens))
        tokens = tokens + self.drop_path(scaled(mixed, self.gamma_1))
        mixed = scaled(self.mlp(self.norm2(tokens)), self.gamma_2)
        tokens = tokens + self.drop_path(mixed)
        cls_token, tokens = tokens[:, :1], tokens[:, 1:]
        x = tokens.mT.reshape(x.shape)  # (N, L, C) -> (N, C, [T,] H, W)
        return x, cls_token, scores[:, 1:].reshape(-1, *size)


class ShrinkBlock(AttentionBlock):
    """The better half of the tokens attends, one token stands for the rest.

    The rest gets the update of its representative, and all tokens go back to
    their places. Takes the arguments of ``AttentionBlock``.
    """

    def __init__(self, ndim: int, dim: int, **settings: Any) -> None:
        super().__init__(ndim, dim, **settings)
        layer_scale = settings['layer_scale']
        # NOTE: as officially, images have a gain of their own for the update
        # of the rest, videos use those of the two branches.
        self.gamma_3 = gain((dim,), layer_scale) if ndim == 2 else None

    def forward(  # type: ignore[override]
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
        x = x + self.pos_embed(x)
        size = x.shape[2:]
        scores = scores.flatten(1)  # (N, [T,] H, W) -> (N, L)
        scores, order = scores.sort(dim=1, descending=True, stable=True)
        tokens = _gather(x.flatten(2).mT, order)  # (N, C, ...) -> (N, L, C)
        kept = scores.shape[1] // 2

        rest, weight = tokens[:, kept:], scores[:, kept:, None]
        total = weight.sum(1, keepdim=True).clamp_min(LEAST_SUM)
        weight = (weight / total).to(rest.dtype)
        summary = (weight * rest).sum(1, keepdim=True)  # (N, 1, C)
        # (N, 1 + L / 2 + 1, C)
        part = torch.cat([cls_token, tokens[:, :kept], summary], 1)

        mixed, row = self.attn.attend_with_scores(self.norm1(part))
        update = self._scale_update(mixed[:, -1:], self.gamma_1)
        part = part + self.drop_path(scaled(mixed, self.gamma_1))
        mixed = self.mlp(self.norm2(part))
        update = update + self._scale_update(mixed[:, -1:], self.gamma_2)
        part = part + self.drop_path(scaled(mixed, self.gamma_2))

        cls_token = part[:, :1]
        # NOTE: as officially, the update of the rest is never dropped.
        tokens = torch.cat([part[:, 1:-1], rest + update], 1)
        better = torch.lerp(scores[:, :kept], row[:, 1:-1], TRADE_OFF)
        scores = torch.cat([better, scores[:, kept:]], 1)

        places = order.argsort(1)
        # (N, L, C) -> (N, C, [T,] H, W)
        x = _gather(tokens, places).mT.reshape(x.shape)
        return x, cls_token, scores.gather(1, places).reshape(-1, *size)

    def _scale_update(self, update: Tensor, gamma: Tensor | None) -> Tensor:
        return scaled(update, gamma if self.gamma_3 is None else self.gamma_3)


def _gather(tokens: Tensor, order: Tensor) -> Tensor:
    """Put tokens (N, L, C) in the order (N, L) of their indices."""
    return tokens.gather(1, order[..., None].expand_as(tokens))


@MMENGINE_MODELS.register_module()
@MODELS.register_module()
class UniFormerLight(StagedBackbone):
    """UniFormer-XXS and -XS, for images and videos.

    Args:
        arch (str | ArchSpec | Mapping): 'xxs', 'xs', an ``ArchSpec`` with
            ``light=True`` or a mapping of its fields. Defaults to 'xxs'.

    The other arguments, the attributes and the errors are those of
    ``UniFormer``. It has no attention modes, and videos no split attention.
    """

    light = True

    def __init__(
        self,
        arch: str | ArchSpec | Mapping[str, Any] = 'xxs',
        *,
        ndim: int = 2,
        in_channels: int = 3,
        head_dim: int | None = None,
        layer_scale: float | Sequence[float] | None = None,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        out_norm: str | None = 'LN',
        as_tuple: bool = True,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool | Sequence[int] = False,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(
            arch,
            ndim=ndim,
            in_channels=in_channels,
            head_dim=head_dim,
            stem=None,
            layer_scale=layer_scale,
            temporal_stride_std=False,
            out_indices=out_indices,
            out_norm=out_norm,
            as_tuple=as_tuple,
            frozen_stages=frozen_stages,
            norm_eval=norm_eval,
            with_cp=with_cp,
            drop_rate=drop_rate,
            attn_drop_rate=attn_drop_rate,
            drop_path_rate=drop_path_rate,
            init_cfg=init_cfg,
        )
        if self.spec.stem == 'conv':
            raise ValueError(
                "stem must be 'patch' or 'conv_first' in light models, whose "
                "scores are halved as patches halve maps, got 'conv'"
            )
        dims = self.spec.embed_dims
        if self.num_stages > 2:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, dims[2]))
        if self.num_stages > 3:
            self.cls_upsample = nn.Linear(dims[2], dims[3])
        self.train()

    def attention_block_type(self, i: int, j: int) -> type[AttentionBlock]:
        """Return the class of block ``j`` of stage ``i``."""
        return FullBlock if (i, j) == (2, 0) else ShrinkBlock

    def stage_parts(self, i: int) -> tuple[str, ...]:
        """Return the names of what stage ``i`` may have."""
        own = {2: ('cls_token',), 3: ('cls_upsample',)}
        return (*super().stage_parts(i), *own.get(i, ()))

    def run_stage(
        self, i: int, x: Tensor, state: LightState | None
    ) -> tuple[Tensor, LightState | None]:
        """Run the blocks of stage ``i``; from stage 3 on with a state."""
        if i < 2:
            return super().run_stage(i, x, state)
        if state is None:
            cls_token = self.cls_token.expand(x.shape[0], -1, -1)
            passed = [cls_token]
        else:
            scores = _halve(state.scores, self.ndim)
            passed = [self.cls_upsample(state.cls_token), scores]
        for j, block in enumerate(self.get_submodule(f'blocks{i + 1}')):
            x, *passed = self.run_block((i, j), block, x, *passed)
        return x, LightState(*passed)


def _halve(scores: Tensor, ndim: int) -> Tensor:
    """Pool scores to the next stage's map; their sum stays as it was.

    (N, [T,] H, W) -> (N, [T,] H // 2, W // 2)
    """
    pool = F.avg_pool2d if ndim == 2 else F.avg_pool3d
    pooled = pool(scores[:, None], per_axis(ndim, 1, 2)).squeeze(1)
    axes = tuple(range(1, pooled.ndim))
    total = pooled.sum(axes, keepdim=True).clamp_min(LEAST_SUM)
    return pooled * (scores.sum(axes, keepdim=True) / total)
