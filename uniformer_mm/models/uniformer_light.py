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

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm.checks import check_bool
from uniformer_mm.models.backbone import Backbone
from uniformer_mm.models.blocks import AttentionBlock
from uniformer_mm.models.layers import per_axis
from uniformer_mm.models.light_blocks import (
    LEAST_SUM,
    FullBlock,
    ShrinkBlock,
)
from uniformer_mm.models.specs import ArchSpec

__all__ = ['LightState', 'UniFormerLight']

OF_UNIFORMER = {
    *('attention', 'window_size', 'split', 'stem', 'temporal_stride_std'),
}


class LightState(NamedTuple):
    """What the attention blocks of a light model pass along.

    Attributes:
        cls_token (Tensor): (N, 1, C).
        scores (Tensor): How much the class token attends to each token,
            (N, [T,] H, W), float32 or wider.
    """

    cls_token: Tensor
    scores: Tensor


class UniFormerLight(Backbone):
    """UniFormer-XXS and -XS, for images and videos.

    As ``UniFormer``, but from the second block of stage 3 on half of the
    tokens attends: those that the class token attends to most.

    Takes the arguments of ``UniFormer`` but for ``attention``,
    ``window_size``, ``split``, ``stem`` and ``temporal_stride_std``, and has
    its attributes and errors.

    Args:
        arch (str | ArchSpec | Mapping): 'xxs', 'xs', an ``ArchSpec`` with
            ``light=True`` or a mapping of its fields. Defaults to 'xxs'.
        out_cls_token (bool): Return the class token beside the maps, layer-
            normalised with eps 1e-5, for a second loss in training (see
            ``ClassTokenNeck``). Needs stage 4 among ``out_indices``. Defaults
            to False.

    Examples:
        >>> model = UniFormerLight('xxs')
        >>> [tuple(y.shape) for y in model(torch.rand(1, 3, 64, 96))]
        [(1, 56, 16, 24), (1, 112, 8, 12), (1, 224, 4, 6), (1, 448, 2, 3)]
    """

    light = True

    def __init__(
        self,
        arch: str | ArchSpec | Mapping[str, Any] = 'xxs',
        *,
        out_cls_token: bool = False,
        **backbone: Any,
    ) -> None:
        check_bool('out_cls_token', out_cls_token)
        unknown = sorted(OF_UNIFORMER & set(backbone))
        if unknown:
            raise TypeError(
                f'UniFormerLight takes no {unknown}: these are arguments of '
                'UniFormer'
            )
        super().__init__(arch, **backbone)
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
        self.out_cls_token = out_cls_token
        if out_cls_token:
            if self.num_stages < 4:
                raise ValueError(
                    'out_cls_token=True needs stage 4 among out_indices, got '
                    f'{self.out_indices}'
                )
            self.norm_cls = nn.LayerNorm(dims[3], eps=1e-5)
        self.train()

    def forward(self, x: Tensor) -> Any:
        """Compute the feature maps, and the class token if asked for.

        Args:
            x (Tensor): As in ``UniFormer``.

        Returns:
            tuple[Tensor] | Tensor | tuple: What ``UniFormer`` returns; with
            ``out_cls_token=True`` the pair of that and the class token
            (N, C).
        """
        if not self.out_cls_token:
            return super().forward(x)
        outs, state = self.forward_features(x)
        # (N, 1, C) -> (N, C)
        cls_token = self.norm_cls(state.cls_token.squeeze(1))
        return self.arrange(outs), cls_token

    def reset_parameters(self) -> None:
        """Give everything the values that it has after construction."""
        super().reset_parameters()
        if self.num_stages > 2:
            nn.init.zeros_(self.cls_token)

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
        for j, block in enumerate(getattr(self, f'blocks{i + 1}')):
            x, *passed = self.run_block((i, j), block, x, *passed)
        return x, LightState(*passed)


def _halve(scores: Tensor, ndim: int) -> Tensor:
    """Pool scores to the next stage's map; their sum stays as it was.

    (N, [T,] H, W) -> (N, [T,] H // 2, W // 2)
    """
    pool = F.avg_pool2d if ndim == 2 else F.avg_pool3d
    pooled = pool(scores[:, None], per_axis(ndim, 1, 2)).squeeze(1)
    axes = tuple(range(1, ndim + 1))
    total = pooled.sum(axes, keepdim=True).clamp_min(LEAST_SUM)
    return pooled * (scores.sum(axes, keepdim=True) / total)
