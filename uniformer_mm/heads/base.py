"""What the heads share: tests, and labels of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from uniformer_mm.backbones.init_cfg import InitCfg, resolve_init_cfg
from uniformer_mm.checks import check_count, check_rate
from uniformer_mm.hosts import import_extra

__all__ = ['ClassHead', 'labels_of']


class ClassHead(BaseModule):
    """A head of mmpretrain's ``ImageClassifier`` with two linear layers.

    ``forward``, of a subclass, gives logits.

    Args:
        num_classes (int): Classes, >= 1.
        in_channels (int): Channels of the backbone's last map, >= 1.
        label_smooth_eps (float): Label smoothing, in [0, 1). Defaults to 0.1.
        init_cfg (dict | list[dict] | None): MMEngine initialisation. Defaults
            to None: truncated normal of std 0.02, as in the paper.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument breaks its rule.
    """

    second: ClassVar[str]  # official name of the layer beside ``fc``

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        label_smooth_eps: float = 0.1,
        init_cfg: InitCfg = None,
    ) -> None:
        check_count('num_classes', num_classes)
        check_count('in_channels', in_channels)
        check_rate('label_smooth_eps', label_smooth_eps)
        super().__init__(resolve_init_cfg(init_cfg))
        self.num_classes = num_classes
        self.label_smooth_eps = label_smooth_eps
        self.fc = nn.Linear(in_channels, num_classes)
        self.add_module(self.second, nn.Linear(in_channels, num_classes))

    def predict(
        self, feats: Any, data_samples: Sequence[Any] | None = None
    ) -> list[Any]:
        """Classify.

        Args:
            feats: What the backbone gives for N images.
            data_samples: N samples, which get ``pred_score`` (num_classes,),
                probabilities, and ``pred_label`` (1,); None makes new ones.

        Returns:
            list: The samples.
        """
        scores = self(feats).softmax(-1)
        if data_samples is None:
            kind = import_extra('mmpretrain.structures').DataSample
            data_samples = [kind() for _ in scores]
        for sample, score in zip(data_samples, scores, strict=True):
            sample.set_pred_score(score)
            sample.set_pred_label(score.argmax(-1, keepdim=True).detach())
        return list(data_samples)


def labels_of(data_samples: Sequence[Any]) -> Tensor:
    """Labels of a batch: classes (N,), or weights (N, num_classes) if mixed.

    Raises:
        ValueError: There are none.
    """
    if 'gt_score' in data_samples[0]:
        return torch.stack([sample.gt_score for sample in data_samples])
    if 'gt_label' not in data_samples[0]:
        raise ValueError(
            'training needs labels, got samples without gt_label; does the '
            'data set have with_label=False?'
        )
    return torch.cat([sample.gt_label for sample in data_samples])
