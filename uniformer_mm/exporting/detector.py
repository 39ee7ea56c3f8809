"""Two-stage detectors as tensors alone, post-processing included.

What depends on how many boxes there are has a fixed length here, and what is
left over is marked by a score of -1; so one graph holds for all pictures, and
for batches of them. Numbers are those of mmdet's ``predict`` before boxes are
scaled back to the picture and masks are pasted into it.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm.exporting.boxes import best, decode, gather
from uniformer_mm.exporting.networks import refuse
from uniformer_mm.exporting.regions import Regions, check_nms
from uniformer_mm.runtimes.nms import suppress

__all__ = ['DetectorNetwork']

MULTIPLE = 32  # px, of the sides that mmdet pads to
NONE = -1.0  # score of what is no box


class DetectorNetwork(nn.Module):
    """Faster, Mask and Cascade R-CNN: (N, 3, H, W) -> boxes and more.

    Pictures are not padded: that is done inside, to multiples of what the
    config says. Outputs are ``boxes`` (N, K, 4) as x1, y1, x2, y2 in pixels of
    the input, ``scores`` (N, K), falling, ``labels`` (N, K), and with masks
    ``masks`` (N, K, 28, 28), probabilities inside the boxes. K is the config's
    ``max_per_img``; where there are fewer, scores are 0 and labels -1.

    Raises:
        ValueError: It is no such detector, or has parts that differ from
            mmdet's own.
    """

    dynamic = (2, 3)

    def __init__(self, model: Any) -> None:
        super().__init__()
        _check(model)
        self.model = model
        self.regions = Regions(model.roi_head)
        masks = ('masks',) if model.roi_head.with_mask else ()
        self.outputs = ('boxes', 'scores', 'labels', *masks)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs."""
        h, w = x.shape[2:]
        feats = self.model.extract_feat(padded(self.model, x))
        boxes, there = self.propose(feats, h, w)
        boxes, scores, labels = self.regions.classify(
            feats, boxes, there, h, w
        )
        if 'masks' not in self.outputs:
            return boxes, scores, labels
        masks = self.regions.segment(feats, boxes, labels)
        return boxes, scores, labels, masks

    def propose(
        self, feats: tuple[Tensor, ...], h: int, w: int
    ) -> tuple[Tensor, Tensor]:
        """Return proposals (N, P, 4), and which are there (N, P)."""
        head: Any = self.model.rpn_head
        config = self.model.test_cfg.rpn
        all_scores, all_boxes = [], []
        for i, (logits, deltas) in enumerate(zip(*head(feats), strict=True)):
            # (N, A, H, W) -> (N, L)
            scores = logits.permute(0, 2, 3, 1).flatten(1).sigmoid()
            # (N, A * 4, H, W) -> (N, L, 4)
            deltas = (
                deltas.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, 4))
            )
            anchors = _anchors(head.prior_generator, i, logits)
            # So that there are always enough to take the best of.
            scores = F.pad(scores, (0, config.nms_pre), value=NONE)
            deltas = F.pad(deltas, (0, 0, 0, config.nms_pre))
            anchors = F.pad(anchors, (0, 0, 0, config.nms_pre))
            scores, places = scores.topk(config.nms_pre)
            boxes = decode(
                head.bbox_coder,
                anchors[places],
                gather(deltas, places),
                h,
                w,
            )
            least = config.get('min_bbox_size', -1)
            if least >= 0:
                sides = boxes[..., 2:] - boxes[..., :2]
                scores = scores.where((sides > least).all(-1), NONE)
            all_scores.append(scores)
            all_boxes.append(boxes)
        # (N, levels, L): boxes of a level suppress one another
        scores = torch.stack(all_scores, 1)
        boxes = torch.stack(all_boxes, 1)
        kept = suppress(
            boxes.flatten(0, 1),
            scores.flatten(0, 1),
            config.nms.iou_threshold,
            0.0,
        )
        scores = scores.where(kept.view(scores.shape), NONE).flatten(1)
        scores, places = best(scores, config.max_per_img)
        return gather(boxes.flatten(1, 2), places), scores > NONE

    @staticmethod
    def reference(model: Any, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs by mmdet's own heads."""
        from mmdet.structures import DetDataSample

        size = tuple(x.shape[2:])
        meta = {'img_shape': size, 'scale_factor': (1.0, 1.0)}
        samples = [DetDataSample(metainfo=meta) for _ in x]
        heads: Any = model.roi_head
        feats = model.extract_feat(padded(model, x))
        proposals = model.rpn_head.predict(feats, samples, rescale=False)
        found = heads.predict_bbox(
            feats, [meta] * len(x), proposals, heads.test_cfg
        )
        number = heads.test_cfg.max_per_img
        fields = [
            ('bboxes', 0.0, (4,)),
            ('scores', 0.0, ()),
            ('labels', -1, ()),
        ]
        outputs = []
        for name, filler, shape in fields:
            dtype = torch.int64 if name == 'labels' else x.dtype
            full = torch.full((len(x), number, *shape), filler, dtype=dtype)
            for row, each in zip(full, found, strict=True):
                row[: len(each)] = each[name]
            outputs.append(full)
        if heads.with_mask:
            outputs.append(_reference_masks(heads, feats, outputs))
        return tuple(outputs)


def padded(model: Any, x: Tensor) -> Tensor:
    """Add zeros to the right and below, as mmdet's preprocessor does.

    (N, 3, H, W) -> (N, 3, H', W'), multiples of ``pad_size_divisor``.
    """
    step = model.data_preprocessor.pad_size_divisor
    # NOTE: not by remainders, of which torch.export can't tell that windows
    # of a padded map have its size.
    h, w = ((side + step - 1) // step * step for side in x.shape[2:])
    return F.pad(x, (0, w - x.shape[3], 0, h - x.shape[2]))


def _anchors(generator: Any, level: int, x: Tensor) -> Tensor:
    """(H * W * A, 4), of the map ``x`` (N, A, H, W)."""
    step_x, step_y = generator.strides[level]
    h, w = x.shape[2:]
    ys = torch.arange(h, device=x.device, dtype=x.dtype) * step_y
    xs = torch.arange(w, device=x.device, dtype=x.dtype) * step_x
    columns = xs[None, :, None].expand(h, -1, -1)
    rows = ys[:, None, None].expand(-1, w, -1)
    shifts = torch.cat([columns, rows, columns, rows], -1)
    base = generator.base_anchors[level].to(x)
    return (shifts[:, :, None] + base).flatten(0, 2)


def _reference_masks(
    heads: Any, feats: tuple[Tensor, ...], outputs: list[Tensor]
) -> Tensor:
    boxes, _, labels = outputs
    rows = torch.arange(len(boxes))[:, None, None].expand(*labels.shape, 1)
    rois = torch.cat([rows.to(boxes), boxes], -1).flatten(0, 1)
    stages = len(heads.mask_head) if hasattr(heads, 'num_stages') else 1
    masks = [
        (
            heads._mask_forward(i, feats, rois)
            if hasattr(heads, 'num_stages')
            else heads._mask_forward(feats, rois)
        )['mask_preds'].sigmoid()
        for i in range(stages)
    ]
    mean = torch.stack(masks).mean(0)
    chosen = labels.flatten().clamp(min=0) if mean.shape[1] > 1 else 0
    mean = mean[torch.arange(len(mean)), chosen]
    return mean.view(*labels.shape, *mean.shape[1:])


def _check(model: Any) -> None:
    """Refuse by name what the forward above does not compute."""
    from mmdet.models import dense_heads, detectors, task_modules

    def exactly(part: Any, *kinds: type) -> None:
        if type(part) not in kinds:
            refuse(model, type(part).__name__)

    if not isinstance(model, detectors.TwoStageDetector):
        refuse(model, 'the head')
    head: Any = model.rpn_head
    exactly(head, dense_heads.RPNHead)
    exactly(head.prior_generator, task_modules.AnchorGenerator)
    exactly(head.bbox_coder, task_modules.DeltaXYWHBBoxCoder)
    if not head.use_sigmoid_cls:
        refuse(model, 'the softmax of the proposals')
    check_nms(model, model.test_cfg.rpn.nms)
