"""Token labelling: a loss on the image and one on every token.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``image_classification/token_labeling/tlt/{loss,data,models}``, Apache-2.0;
re-implemented from the published facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm.heads.base import ClassHead
from uniformer_mm.registry import MODELS

__all__ = ['TokenLabelClsHead', 'dense_targets']

MAX_WEIGHT = 0.5  # of the best token's logits in a test
TOKEN_STRIDE = 8  # from the map that MixToken mixes to the last one


@MODELS.register_module()
class TokenLabelClsHead(ClassHead):
    """Classify the mean of the map, and every token of it.

    The backbone is ``MixTokenUniFormer`` (or ``UniFormer``, which mixes
    nothing) with ``out_indices=(3,)``, ``out_norm='BN'`` and
    ``as_tuple=False``; no neck. The data set's pipeline has
    ``LoadTokenLabels``. The loss of the image looks at the label map's crop as
    a whole, not at the class that the data set tells, as officially.

    Takes the arguments of ``ClassHead``.
    """

    second = 'fc_aux'
    fc_aux: nn.Linear

    def pre_logits(self, feats: Tensor) -> Tensor:
        """Return the mean (N, C) of the map (N, C, H, W)."""
        return feats.mean((2, 3))

    def forward(self, feats: Tensor) -> Tensor:
        """Return the logits of a test.

        Args:
            feats: The map (N, C, H, W).

        Returns:
            Tensor: Logits of the mean, and half of those of the best token,
            class by class; (N, num_classes).
        """
        # (N, C, H, W) -> (N, L, C)
        tokens = feats.flatten(2).transpose(1, 2)
        best = self.fc_aux(tokens).amax(1)
        return self.fc(self.pre_logits(feats)) + MAX_WEIGHT * best

    def loss(
        self,
        feats: Tensor | tuple[Tensor, Sequence[int]],
        data_samples: Sequence[Any],
    ) -> dict[str, Tensor]:
        """Return the losses of images and tokens.

        Args:
            feats: The map (N, C, H, W) or, of a backbone that mixes tokens,
                the map and the box of it: top, left, bottom, right in tokens
                of the first stage.
            data_samples: N samples with ``token_labels`` (2, K, h, w), K
                scores and their classes, and ``crop_box`` (4,), what of the
                label map the image shows: x1, y1, x2, y2 in parts of it.

        Raises:
            ValueError: Samples without label maps, or a class in them that
                the head has not.
        """
        maps, box = feats if isinstance(feats, tuple) else (feats, (0,) * 4)
        if any('token_labels' not in sample for sample in data_samples):
            raise ValueError(
                'TokenLabelClsHead needs a label map for each image: put '
                'uniformer_mm.LoadTokenLabels into the training pipeline, and '
                "'token_labels' and 'crop_box' into the algorithm_keys of "
                'PackInputs; to train by classes alone take LinearClsHead'
            )
        size = maps.shape[2], maps.shape[3]
        labels, token_labels = dense_targets(
            torch.stack([s.token_labels for s in data_samples]).to(maps),
            torch.stack([s.crop_box for s in data_samples]).to(maps),
            self.num_classes,
            size,
        )
        top, left, bottom, right = (i // TOKEN_STRIDE for i in box)
        foreign = (bottom - top) * (right - left) / (size[0] * size[1])
        labels = (1 - foreign) * labels + foreign * labels.flip(0)

        # (N, C, H, W) -> (N, H, W, num_classes)
        dense = self.fc_aux(maps.permute(0, 2, 3, 1))
        # What was mixed in belongs to the opposite image of the batch.
        undone = dense.clone()
        undone[:, top:bottom, left:right] = dense.flip(0)[
            :, top:bottom, left:right
        ]
        return {
            'loss_image': F.cross_entropy(
                self.fc(self.pre_logits(maps)),
                labels,
                label_smoothing=self.label_smooth_eps,
            ),
            'loss_tokens': F.cross_entropy(
                undone.flatten(0, 2),
                token_labels.flatten(0, 1),
                label_smoothing=self.label_smooth_eps,
            ),
        }


def dense_targets(
    label_maps: Tensor,
    boxes: Tensor,
    num_classes: int,
    size: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Crop label maps to what images show, for the image and its tokens.

    NOTE: the official code hands its crop to RoIAlign with rows in the place
    of columns, so that a crop off the diagonal gets the labels of another
    place. Here the labels are those of the crop.

    Args:
        label_maps: (N, 2, K, h, w), scores and their classes.
        boxes: (N, 4) as x1, y1, x2, y2 in parts of a map.
        num_classes: Classes.
        size: H and W of the tokens.

    Returns:
        tuple: Weights that sum to 1: (N, num_classes) and
        (N, H * W, num_classes).

    Raises:
        ValueError: A label map has a class out of range.
    """
    # torchvision comes with the hosts; the suite is imported without.
    from torchvision.ops import roi_align

    scores, classes = label_maps[:, 0], label_maps[:, 1].long()
    low, high = int(classes.min()), int(classes.max())
    if low < 0 or high >= num_classes:
        raise ValueError(
            f'label maps must have classes in [0, {num_classes - 1}], got '
            f'{low if low < 0 else high}: they are of other classes than '
            f'num_classes={num_classes} of the head'
        )
    count, _, height, width = scores.shape
    full = scores.new_zeros(count, num_classes, height, width)
    full.scatter_(1, classes, scores)
    scale = boxes.new_tensor([width, height, width, height])
    # roi_align counts from the centre of the first pixel, boxes from its edge.
    rois = list((boxes * scale - 0.5)[:, None].unbind())
    image = roi_align(full, rois, (1, 1)).flatten(1).softmax(1)
    tokens = roi_align(full, rois, size).softmax(1)
    # (N, num_classes, H, W) -> (N, H * W, num_classes)
    return image, tokens.flatten(2).transpose(1, 2)
