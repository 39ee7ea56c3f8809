"""The second loss of light models, on their class token.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``video_classification/slowfast/models/uniformer_light.py``, Apache-2.0;
re-implemented from the published facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from uniformer_mm.backbones.init_cfg import InitCfg, resolve_init_cfg
from uniformer_mm.checks import check_count, check_number, check_rate
from uniformer_mm.registry import MODELS

__all__ = ['ClassTokenNeck']


@MODELS.register_module()
class ClassTokenNeck(BaseModule):
    """Classify the class token in training; hand the map on.

    A ``neck`` for mmaction2's recognizers, whose head is then one of the host
    and sees the map alone. The backbone is ``UniFormerLight`` with
    ``as_tuple=False`` and ``out_cls_token=True``. The paper's loss is half of
    this one's and half of the head's.

    Args:
        in_channels (int): Channels of the class token, >= 1.
        num_classes (int): Classes, >= 1.
        loss_weight (float): Factor of the loss. Defaults to 0.5.
        label_smooth_eps (float): Label smoothing, in [0, 1). Defaults to 0.
        init_cfg (dict | list[dict] | None): MMEngine initialisation. Defaults
            to None: truncated normal of std 0.02, as in the paper.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument breaks its rule.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        loss_weight: float = 0.5,
        label_smooth_eps: float = 0.0,
        init_cfg: InitCfg = None,
    ) -> None:
        check_count('in_channels', in_channels)
        check_count('num_classes', num_classes)
        check_number('loss_weight', loss_weight)
        check_rate('label_smooth_eps', label_smooth_eps)
        super().__init__(resolve_init_cfg(init_cfg))
        self.loss_weight = loss_weight
        self.label_smooth_eps = label_smooth_eps
        self.head_cls = nn.Linear(in_channels, num_classes)

    def forward(
        self,
        feats: tuple[Tensor, Tensor],
        data_samples: Sequence[Any] | None = None,
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the map and, given samples, the loss of the class token.

        Args:
            feats: The map (N, C, T, H, W) and the class token (N, C).
            data_samples: N samples; ``gt_label`` is (1,), a class, or
                (num_classes,), the weights of the classes. None in tests.

        Returns:
            tuple: The map as it came, and ``loss_cls_token`` or nothing.

        Raises:
            TypeError: ``feats`` is not such a pair.
        """
        if not isinstance(feats, tuple) or len(feats) != 2:
            raise TypeError(
                'ClassTokenNeck takes a map and a class token: set '
                'out_cls_token=True and as_tuple=False in the backbone'
            )
        x, cls_token = feats
        if data_samples is None:
            return x, {}
        labels = torch.stack([s.gt_label for s in data_samples])
        if labels.shape[1] == 1 and not labels.is_floating_point():
            labels = labels.squeeze(1)
        loss = F.cross_entropy(
            self.head_cls(cls_token),
            labels.to(cls_token.device),
            label_smoothing=self.label_smooth_eps,
        )
        return x, {'loss_cls_token': self.loss_weight * loss}
