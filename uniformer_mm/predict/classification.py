"""Pictures to classes, by classifiers of mmpretrain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uniformer_mm.predict.action import labels_by_score
from uniformer_mm.predict.host_model import HostModel, check_reader
from uniformer_mm.predict.items import Item
from uniformer_mm.predict.legend import find_legend
from uniformer_mm.predict.pictures import as_bgr

__all__ = ['Classification']


class Classification:
    """A classifier of pictures.

    Args:
        host: Its model.
        names: Of its classes; None takes those of the weights or the config.

    Raises:
        ValueError: There are more or fewer names than classes.
    """

    task = 'classification'
    threshold = 0.0

    def __init__(self, host: HostModel, names: Sequence[str] | None) -> None:
        self.host = host
        head: Any = host.model.head
        self.legend = find_legend(head.num_classes, names, host.metas)
        steps = host.steps()
        check_reader(steps)
        # mmpretrain has no step for a picture in memory.
        self.pipeline = host.compose(steps[1:])

    def prepare(self, item: Item) -> tuple[Any, list[Any]]:
        """Return the picture, and what the model takes of it."""
        picture = item.picture
        assert picture is not None
        sample = {
            'img': as_bgr(picture),
            'ori_shape': picture.shape[:2],
            'img_shape': picture.shape[:2],
        }
        return picture, [self.host.transform(self.pipeline, sample)]

    def read(self, samples: Sequence[Any], threshold: float) -> dict[str, Any]:
        """Return the fields of a ``Result``, of one data sample."""
        return labels_by_score(samples[0].pred_score.float().cpu(), threshold)
