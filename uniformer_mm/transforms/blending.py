"""Mixup and cutmix of a batch of clips.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``video_classification/slowfast/datasets/mixup.py``, Apache-2.0, which is
timm's for clips; here it is timm's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.checks import check_count, check_number
from uniformer_mm.hosts import import_extra
from uniformer_mm.registry import MODELS

__all__ = ['MixupCutmix']


@MODELS.register_module()
class MixupCutmix:
    """Blend each clip of a batch with its opposite in the reversed batch.

    For ``blending`` of mmaction2's ``ActionDataPreprocessor``. One weight, or
    one box, for the whole batch. mmaction2's own blendings pair clips at
    random. Labels become the two classes' weights; their smoothing is the
    head's: it is linear, so doing it after the blending gives the official
    targets.

    NOTE: of the sides of a box, those of odd length are one pixel longer than
    officially: timm has come to do so. The weights of the labels are those of
    the box.

    Args:
        num_classes (int): Classes, >= 1.
        mixup_alpha (float): Both parameters of mixup's beta distribution;
            0 for no mixup. Defaults to 0.8.
        cutmix_alpha (float): Those of cutmix. Defaults to 1.
        prob (float): Probability that a batch is blended. Defaults to 1.
        switch_prob (float): Probability of cutmix, if both are on. Defaults
            to 0.5.

    Raises:
        ImportError: No timm.
        TypeError: An argument is of the wrong type.
        ValueError: An argument breaks its rule; on a call, a batch of odd
            size, samples of more than one label, or one that is no class.
    """

    def __init__(
        self,
        num_classes: int,
        mixup_alpha: float = 0.8,
        cutmix_alpha: float = 1.0,
        prob: float = 1.0,
        switch_prob: float = 0.5,
    ) -> None:
        check_count('num_classes', num_classes)
        check_number('mixup_alpha', mixup_alpha, 0)
        check_number('cutmix_alpha', cutmix_alpha, 0)
        if mixup_alpha == cutmix_alpha == 0:
            raise ValueError(
                'mixup_alpha or cutmix_alpha must be > 0, got 0 for both'
            )
        check_number('prob', prob, 0, 1)
        check_number('switch_prob', switch_prob, 0, 1)
        self.num_classes = num_classes
        self.mix = import_extra('timm.data.mixup').Mixup(
            mixup_alpha=mixup_alpha,
            cutmix_alpha=cutmix_alpha,
            prob=prob,
            switch_prob=switch_prob,
            label_smoothing=0.0,
            num_classes=num_classes,
        )

    def __call__(
        self, imgs: Tensor, batch_data_samples: Sequence[Any]
    ) -> tuple[Tensor, Sequence[Any]]:
        """Blend a batch in place.

        Args:
            imgs: Normalised clips (N, clips, C, [T,] H, W).
            batch_data_samples: Their N samples; each ``gt_label`` (1,), of
                integers, becomes (num_classes,), of floats that sum to 1.

        Returns:
            tuple: The clips and the samples.
        """
        shapes = {tuple(s.gt_label.shape) for s in batch_data_samples}
        if shapes != {(1,)}:
            raise ValueError(
                'MixupCutmix takes samples of one label each, got gt_label of '
                f'shape {", ".join(map(str, sorted(shapes)))}'
            )
        labels = torch.cat([s.gt_label for s in batch_data_samples])
        classes = range(self.num_classes)
        wrong = sorted({i for i in labels.tolist() if i not in classes})
        if wrong:
            raise ValueError(
                f'labels must lie in [0, {classes[-1]}] for num_classes='
                f'{self.num_classes}, got {wrong}; see the annotation file'
            )
        if len(imgs) % 2:
            raise ValueError(
                f'MixupCutmix takes batches of even size, got {len(imgs)}; '
                'change batch_size, or use RepeatAugment'
            )
        # (N, clips, C, [T,] H, W) -> (N, clips * C [* T], H, W)
        blended, targets = self.mix(
            imgs.flatten(1, -3), labels.to(imgs.device)
        )
        for sample, target in zip(batch_data_samples, targets, strict=True):
            sample.set_gt_label(target)
        return blended.reshape(imgs.shape), batch_data_samples
