"""The head of light models, with a loss on their class token too.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``image_classification/{engine_light.py,models/uniformer_light.py}``,
Apache-2.0; re-implemented from the published facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm.heads.base import ClassHead, labels_of
from uniformer_mm.registry import MODELS

__all__ = ['LightClsHead']


@MODELS.register_module()
class LightClsHead(ClassHead):
    """Classify the mean of the map and, in training, the class token.

    The backbone is ``UniFormerLight`` with ``out_indices=(3,)``,
    ``out_norm='BN'``, ``as_tuple=False`` and ``out_cls_token=True``; no neck.
    Tests take the map alone.

    Takes the arguments of ``ClassHead``.
    """

    second = 'fc_cls'
    fc_cls: nn.Linear

    def pre_logits(self, feats: tuple[Tensor, Tensor]) -> Tensor:
        """Return the mean (N, C) of the map (N, C, H, W).

        Raises:
            TypeError: ``feats`` is not a map and a class token.
        """
        if not isinstance(feats, tuple) or len(feats) != 2:
            raise TypeError(
                'LightClsHead takes a map and a class token: set '
                'out_cls_token=True and as_tuple=False in the backbone, and '
                'no neck'
            )
        return feats[0].mean((2, 3))

    def forward(self, feats: tuple[Tensor, Tensor]) -> Tensor:
        """Return logits (N, num_classes) of the map."""
        return self.fc(self.pre_logits(feats))

    def loss(
        self, feats: tuple[Tensor, Tensor], data_samples: Sequence[Any]
    ) -> dict[str, Tensor]:
        """Return both losses, half of each.

        Args:
            feats: The map (N, C, H, W) and the class token (N, C).
            data_samples: N samples with ``gt_label`` or, if they were mixed,
                ``gt_score``.
        """
        labels = labels_of(data_samples)
        return {
            name: 0.5
            * F.cross_entropy(
                logits, labels, label_smoothing=self.label_smooth_eps
            )
            for name, logits in (
                ('loss_map', self(feats)),
                ('loss_cls_token', self.fc_cls(feats[1])),
            )
        }
