"""The second stage of detectors as tensors alone: boxes, classes, masks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from uniformer_mm.exporting.boxes import best, decode, gather
from uniformer_mm.exporting.networks import refuse
from uniformer_mm.runtimes.nms import suppress

__all__ = ['Regions', 'check_nms']


class Regions:
    """What a ``StandardRoIHead`` or a ``CascadeRoIHead`` of mmdet computes.

    Args:
        roi_head: The head.

    Raises:
        ValueError: It has parts that differ from mmdet's own.
    """

    def __init__(self, roi_head: Any) -> None:
        _check(roi_head)
        self.config = roi_head.test_cfg
        self.heads = _stages(roi_head.bbox_head)
        self.extractors = _stages(roi_head.bbox_roi_extractor)
        if roi_head.with_mask:
            self.mask_heads = _stages(roi_head.mask_head)
            shared = roi_head.share_roi_extractor
            self.mask_extractors = (
                self.extractors
                if shared
                else _stages(roi_head.mask_roi_extractor)
            )

    def classify(
        self,
        feats: tuple[Tensor, ...],
        boxes: Tensor,
        there: Tensor,
        h: int,
        w: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes (N, K, 4), scores and labels (N, K).

        Args:
            feats: Maps of the pyramid.
            boxes: Proposals (N, P, 4).
            there: Which of them are some (N, P).
            h: Height of the picture, in pixels.
            w: Its width.
        """
        total: Any = 0
        for i, (head, extractor) in enumerate(
            zip(self.heads, self.extractors, strict=True)
        ):
            logits, deltas = head(extract(extractor, feats, boxes))
            # (N * P, ...) -> (N, P, ...)
            logits = logits.view(*boxes.shape[:2], -1)
            deltas = deltas.view(*boxes.shape[:2], -1, 4)
            total = total + logits
            if i < len(self.heads) - 1:
                chosen = logits[..., :-1].argmax(-1)
                boxes = decode(
                    head.bbox_coder, boxes, _of(deltas, chosen), h, w
                )
        # (N, P, C + 1) -> (N, P, C)
        scores = (total / len(self.heads)).softmax(-1)[..., :-1]
        scores = scores.where(there[..., None], 0.0)
        # (N, P, C or 1, 4)
        boxes = decode(head.bbox_coder, boxes[:, :, None], deltas, h, w)
        return self.select(boxes, scores)

    def select(
        self, boxes: Tensor, scores: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Suppress in each class, or in all, and take the best K.

        Args:
            boxes: (N, P, C or 1, 4) as x1, y1, x2, y2.
            scores: (N, P, C).

        Returns:
            tuple: (N, K, 4), (N, K) and labels (N, K), -1 where none is left.
        """
        classes = scores.shape[2]
        boxes = boxes.expand(-1, -1, classes, -1)
        limits = (self.config.nms.iou_threshold, self.config.score_thr)
        if self.config.nms.get('class_agnostic'):
            # (N, P, C, 4) -> (N, P * C, 4)
            kept = suppress(boxes.flatten(1, 2), scores.flatten(1), *limits)
            kept = kept.view(scores.shape)
        else:
            kept = suppress(
                # (N, P, C, 4) -> (N * C, P, 4)
                boxes.transpose(1, 2).flatten(0, 1),
                scores.transpose(1, 2).flatten(0, 1),
                *limits,
            )
            # (N * C, P) -> (N, P, C)
            kept = kept.view(-1, classes, scores.shape[1]).transpose(1, 2)
        # One score is kept for both, so that what is left out comes last.
        scores = scores.where(kept, 0.0).flatten(1)
        scores, places = best(scores, self.config.max_per_img)
        boxes = gather(boxes.flatten(1, 2), places)
        found = scores > 0
        labels = (places % classes).where(found, -1)
        return boxes.where(found[..., None], 0.0), scores, labels

    def segment(
        self, feats: tuple[Tensor, ...], boxes: Tensor, labels: Tensor
    ) -> Tensor:
        """Return masks (N, K, H, W) inside boxes (N, K, 4)."""
        total: Any = 0
        for head, extractor in zip(
            self.mask_heads, self.mask_extractors, strict=True
        ):
            masks = head(extract(extractor, feats, boxes)).sigmoid()
            total = total + masks
        mean = total / len(self.mask_heads)
        # (N * K, C, H, W) -> (N, K, C, H * W) -> (N, K, H, W)
        size = mean.shape[2:]
        mean = mean.flatten(2).unflatten(0, labels.shape)
        return _of(mean, labels.clamp(min=0)).view(*labels.shape, *size)


def extract(
    extractor: Any, feats: tuple[Tensor, ...], boxes: Tensor
) -> Tensor:
    """Cut boxes (N, P, 4) out of the maps that fit them -> (N * P, C, h, w).

    Each is cut out of all maps, but as a box without extent where the map is
    not its own, which costs nothing: there RoIAlign samples no point.
    """
    from torchvision.ops import roi_align

    layers = extractor.roi_layers
    feats = feats[: len(layers)]
    sides = boxes[..., 2:] - boxes[..., :2]
    scale = sides.prod(-1).sqrt()
    level = torch.floor(torch.log2(scale / extractor.finest_scale + 1e-6))
    level = level.clamp(0, len(feats) - 1)
    # (N, P, 1): the picture that a box is in
    picture = torch.arange(boxes.shape[0], device=boxes.device)
    picture = picture[:, None, None].expand(-1, boxes.shape[1], -1)
    total: Any = 0
    for i, (feat, layer) in enumerate(zip(feats, layers, strict=True)):
        own = (level == i)[..., None]
        rois = torch.cat([picture.to(boxes), boxes.where(own, 0.0)], -1)
        cut = roi_align(
            feat,
            rois.flatten(0, 1),
            layer.output_size,
            layer.spatial_scale,
            layer.sampling_ratio,
            layer.aligned,
        )
        # Not a product: of no samples runtimes may give what is no number.
        total = total + cut.where(own.flatten(0, 1)[..., None, None], 0.0)
    return total


def check_nms(owner: Any, settings: Any, *more: str) -> None:
    """Refuse settings of mmcv's suppression that change what it gives.

    Args:
        owner: Whose they are.
        settings: The dict in the config.
        more: Names of those that are computed beyond the threshold.
    """
    # From so many boxes on mmcv takes one class at a time: no other result.
    known = {'type', 'iou_threshold', 'split_thr', *more}
    if settings.type != 'nms' or set(settings) - known:
        refuse(owner, f'nms={dict(settings)}')


def _of(values: Tensor, labels: Tensor) -> Tensor:
    """Take values (N, P, C, D) of the classes (N, P) -> (N, P, D)."""
    if values.shape[2] == 1:  # one for all classes
        return values[:, :, 0]
    index = labels[..., None, None].expand(-1, -1, 1, values.shape[3])
    return values.gather(2, index).squeeze(2)


def _stages(part: Any) -> list[Any]:
    """The stages of a cascade; one where there is none."""
    return list(part) if hasattr(part, '__getitem__') else [part]


def _check(roi_head: Any) -> None:
    """Refuse by name what is not computed above."""
    from mmdet.models import roi_heads
    from mmdet.models.roi_heads.bbox_heads import BBoxHead
    from mmdet.models.roi_heads.mask_heads import FCNMaskHead
    from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
    from mmdet.models.task_modules import DeltaXYWHBBoxCoder

    known: tuple[type, ...] = (
        roi_heads.StandardRoIHead,
        roi_heads.CascadeRoIHead,
    )
    if type(roi_head) not in known or roi_head.with_shared_head:
        refuse(roi_head, 'the whole')
    for head in _stages(roi_head.bbox_head):
        kind = type(head)
        plain = (
            kind._predict_by_feat_single is BBoxHead._predict_by_feat_single
        )
        if not plain or head.custom_activation or not head.with_reg:
            refuse(roi_head, f'the head {kind.__name__}')
        if type(head.bbox_coder) is not DeltaXYWHBBoxCoder:
            refuse(roi_head, type(head.bbox_coder).__name__)
    extractors = _stages(roi_head.bbox_roi_extractor)
    if roi_head.with_mask:
        if not roi_head.share_roi_extractor:
            extractors += _stages(roi_head.mask_roi_extractor)
        for head in _stages(roi_head.mask_head):
            if type(head) is not FCNMaskHead:
                refuse(roi_head, f'the head {type(head).__name__}')
    for extractor in extractors:
        if type(extractor) is not SingleRoIExtractor:
            refuse(roi_head, type(extractor).__name__)
    check_nms(roi_head, roi_head.test_cfg.nms, 'class_agnostic')
