"""Pictures to boxes and masks, by detectors of mmdet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from uniformer_mm.predict.host_model import HostModel, check_reader
from uniformer_mm.predict.items import Item
from uniformer_mm.predict.legend import find_legend
from uniformer_mm.predict.pictures import as_bgr

__all__ = ['Detection']


class Detection:
    """A detector.

    Args:
        host: Its model.
        names: Of its classes; None takes those of the weights or the config.

    Raises:
        ValueError: It is no detector of boxes, or there are more or fewer
            names than classes.
    """

    task = 'detection'
    threshold = 0.3

    def __init__(self, host: HostModel, names: Sequence[str] | None) -> None:
        self.host = host
        self.legend = find_legend(_classes_of(host.model), names, host.metas)
        check_reader(host.steps())
        in_memory = {'type': 'mmdet.LoadImageFromNDArray'}
        self.pipeline = host.pipeline({'LoadImageFromFile': in_memory})

    def prepare(self, item: Item) -> tuple[Any, list[Any]]:
        """Return the picture, and what the model takes of it."""
        picture = item.picture
        assert picture is not None
        sample = {'img': as_bgr(picture), 'img_id': 0}
        return picture, [self.host.transform(self.pipeline, sample)]

    def read(self, samples: Sequence[Any], threshold: float) -> dict[str, Any]:
        """Return the fields of a ``Result``, of one data sample."""
        found = samples[0].pred_instances
        scores = found.scores.float().cpu().numpy()
        order = np.argsort(-scores, kind='stable')
        kept = order[scores[order] >= threshold]
        fields = {
            'boxes': found.bboxes.float().cpu().numpy()[kept],
            'scores': scores[kept],
            'labels': found.labels.cpu().numpy()[kept],
        }
        if 'masks' in found:
            fields['masks'] = found.masks.cpu().numpy()[kept].astype(bool)
        return fields


def _classes_of(model: Any) -> int:
    """Return the number of classes that the box head of a detector has."""
    head: Any = getattr(getattr(model, 'roi_head', model), 'bbox_head', None)
    # The stages of a cascade have the same classes.
    head = head[0] if hasattr(head, '__getitem__') else head
    number = getattr(head, 'num_classes', None)
    if not isinstance(number, int):
        raise ValueError(
            f'detection takes a detector with a box head, got '
            f'{type(model).__name__}'
        )
    return number
