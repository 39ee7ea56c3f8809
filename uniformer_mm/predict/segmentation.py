"""Pictures to a class per pixel, by segmentors of mmseg."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from uniformer_mm.predict.host_model import HostModel, check_reader
from uniformer_mm.predict.items import Item
from uniformer_mm.predict.legend import find_legend
from uniformer_mm.predict.pictures import as_bgr

__all__ = ['Segmentation']


class Segmentation:
    """A segmentor.

    Args:
        host: Its model.
        names: Of its classes; None takes those of the weights or the config.

    Raises:
        ValueError: There are more or fewer names than classes.
    """

    task = 'segmentation'
    threshold = 0.0  # pixels have a class, whatever its score

    def __init__(self, host: HostModel, names: Sequence[str] | None) -> None:
        self.host = host
        head: Any = host.model.decode_head
        # The stages of a cascade have the same classes.
        head = head[-1] if hasattr(head, '__getitem__') else head
        # A single output tells two classes apart.
        self.legend = find_legend(max(head.num_classes, 2), names, host.metas)
        check_reader(host.steps())
        in_memory = {'type': 'mmseg.LoadImageFromNDArray'}
        self.pipeline = host.pipeline({'LoadImageFromFile': in_memory})

    def prepare(self, item: Item) -> tuple[Any, list[Any]]:
        """Return the picture, and what the model takes of it."""
        picture = item.picture
        assert picture is not None
        sample = {'img': as_bgr(picture)}
        return picture, [self.host.transform(self.pipeline, sample)]

    def read(self, samples: Sequence[Any], threshold: float) -> dict[str, Any]:
        """Return the fields of a ``Result``, of one data sample."""
        label_map = samples[0].pred_sem_seg.data[0]
        return {'label_map': label_map.cpu().numpy().astype(np.int64)}
