"""Which parts of a host's model are run, and on what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from uniformer_mm.analysis.meter import Meter

__all__ = ['RUNS']

# As OpenMMLab's tables count a two-stage detector.
BOX_PROPOSALS = 1000
MASK_PROPOSALS = 100


def _run_detector(meter: Meter, shape: tuple[int, ...]) -> None:
    from mmdet.models.detectors import (
        MaskFormer,
        SingleStageDetector,
        TwoStageDetector,
    )

    # Mask2Former, too, is a single-stage detector by its base class alone.
    _check_kind(
        'model',
        meter.model,
        SingleStageDetector,
        TwoStageDetector,
        but=MaskFormer,
    )
    maps = meter.run_features(torch.empty(1, 3, *shape))
    if isinstance(meter.model, SingleStageDetector):
        meter.run('bbox_head', maps)
        return
    meter.run('rpn_head', maps)
    roi_head: Any = meter.model.roi_head
    for kind, number in (('bbox', BOX_PROPOSALS), ('mask', MASK_PROPOSALS)):
        head = getattr(roi_head, f'{kind}_head', None)
        if head is None:
            continue
        extractor = getattr(roi_head, f'{kind}_roi_extractor')
        stages = {f'roi_head.{kind}_head': extractor}
        if isinstance(head, nn.ModuleList):  # a cascade
            stages = {
                f'roi_head.{kind}_head.{i}': extractor[i]
                for i in range(len(head))
            }
        for name, source in stages.items():
            size = source.roi_layers[0].output_size
            meter.run(name, torch.empty(number, source.out_channels, *size))


def _run_segmentor(meter: Meter, shape: tuple[int, ...]) -> None:
    from mmseg.models.decode_heads.decode_head import BaseDecodeHead
    from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder

    model: Any = meter.model
    _check_kind('model', model, EncoderDecoder, but=CascadeEncoderDecoder)
    # Mask2Former's head wants more than maps.
    _check_kind('model.decode_head', model.decode_head, BaseDecodeHead)
    maps = meter.run_features(torch.empty(1, 3, *shape))
    meter.run('decode_head', maps)


def _run_pose_estimator(meter: Meter, shape: tuple[int, ...]) -> None:
    from mmpose.models.pose_estimators import TopdownPoseEstimator

    _check_kind('model', meter.model, TopdownPoseEstimator)
    maps = meter.run_features(torch.empty(1, 3, *shape))
    meter.run('head', maps)


def _run_recognizer(meter: Meter, shape: tuple[int, ...]) -> None:
    from mmaction.models.recognizers import Recognizer2D, Recognizer3D

    _check_kind('model', meter.model, Recognizer2D, Recognizer3D)
    frames, *sides = shape
    size: tuple[int, ...] = (1, 3, *shape)
    more: tuple[int, ...] = ()
    if isinstance(meter.model, Recognizer2D):
        # Frames are images; the head takes their number to average them.
        size, more = (frames, 3, *sides), (frames,)
    maps = meter.run('backbone', torch.empty(size))
    if meter.model.with_neck:
        maps, _ = meter.run('neck', maps)  # and losses
    meter.run('cls_head', maps, *more)


def _run_classifier(meter: Meter, shape: tuple[int, ...]) -> None:
    from mmpretrain.models import ImageClassifier

    _check_kind('model', meter.model, ImageClassifier)
    maps = meter.run_features(torch.empty(1, 3, *shape))
    meter.run('head', maps)


def _check_kind(
    name: str, part: nn.Module, *kinds: type, but: type | tuple[()] = ()
) -> None:
    if not isinstance(part, kinds) or isinstance(part, but):
        names = [kind.__name__ for kind in kinds]
        raise ValueError(
            f'{name} of the config must be of one of the kinds {names}, got '
            f'{type(part).__name__}'
        )


RUNS: dict[str, Callable[[Meter, tuple[int, ...]], None]] = {
    'mmdet': _run_detector,
    'mmseg': _run_segmentor,
    'mmpose': _run_pose_estimator,
    'mmaction': _run_recognizer,
    'mmpretrain': _run_classifier,
}
"""Host -> function that runs its model on an input of that shape."""
