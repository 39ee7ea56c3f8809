"""A model that takes inputs of all kinds: ``Predictor``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch

from uniformer_mm.checks import (
    check_bool,
    check_choice,
    check_count,
    check_number,
)
from uniformer_mm.predict.batches import Task, results_of
from uniformer_mm.predict.host_model import HostModel
from uniformer_mm.predict.items import (
    Boxes,
    Item,
    open_clips,
    open_pictures,
)
from uniformer_mm.predict.legend import Legend
from uniformer_mm.predict.persons import Finder, boxes_as_told
from uniformer_mm.predict.result import Result
from uniformer_mm.predict.sources import Source, find_sources

__all__ = ['Predictor']


class Predictor:
    """A model that takes inputs of all kinds; made by ``load``.

    Attributes:
        legend (Legend): Names and colours of classes and keypoints.
        task (str): 'detection', 'segmentation', 'pose', 'action' or
            'classification'.
    """

    def __init__(
        self, model: Task, detector: Callable[[], Predictor] | None = None
    ) -> None:
        self._model = model
        self._detector = detector

    @property
    def task(self) -> str:
        """Name of the task."""
        return self._model.task

    @property
    def legend(self) -> Legend:
        """Names and colours of classes and keypoints."""
        return self._model.legend

    @property
    def names(self) -> tuple[str, ...]:
        """Class id -> name."""
        return self.legend.names

    @property
    def model(self) -> Task:
        """What prepares inputs for the host's model and reads its outputs."""
        return self._model

    @property
    def host(self) -> HostModel:
        """The host's model, with its config and its test pipeline."""
        return self._model.host

    @property
    def module(self) -> torch.nn.Module:
        """The host's model."""
        return self._model.host.model

    def predict(
        self,
        inputs: Any,
        *,
        batch_size: int = 1,
        threshold: float | None = None,
        stream: bool = False,
        boxes: Any = None,
        channel_order: str = 'rgb',
        frame_step: int = 1,
        on_error: str = 'result',
    ) -> Iterator[Result] | list[Result]:
        """Look at inputs, in their order: a result per picture or clip.

        Args:
            inputs (Any): A file, a folder (with all below it), a glob, an
                http(s) URL, a camera number, a PIL image, an array (H, W, 3),
                uint8; or a list or an iterator of these. A video is a result
                per frame. For action: videos, folders of frames, arrays
                (T, H, W, 3).
            batch_size (int): Inputs that are looked at together, >= 1;
                inputs of one size go through the network at once, so that
                the numbers do not depend on the others. Defaults to 1.
            threshold (float | None): Least score of what is returned, 0-1; of
                the person boxes for pose. Defaults to None: 0.3 for detection
                and pose, 0 for the others.
            stream (bool): Return an iterator that looks at one batch after
                the other, with memory for one. Defaults to False: a list.
            boxes (Any): Pose alone: where persons are, as (N, 4) with x1, y1,
                x2, y2 in pixels: a sequence with one per input, a dict by
                name of the result, or 'whole' for the whole picture. Defaults
                to None: a detector finds them.
            channel_order (str): 'rgb', or 'bgr' for arrays as OpenCV reads
                them. Results are RGB. Defaults to 'rgb'.
            frame_step (int): Take every so many-th frame of videos, >= 1.
                Defaults to 1.
            on_error (str): 'result' gives a result with an ``error`` for an
                input that can't be read or looked at; 'raise' raises it.
                Defaults to 'result'.

        Raises:
            TypeError: An argument is of the wrong type.
            ValueError: A number or a choice is not as above.
        """
        check_bool('stream', stream)
        sources = find_sources(inputs, clips=self.task == 'action')
        results = self.predict_sources(
            sources,
            batch_size=batch_size,
            threshold=threshold,
            boxes=boxes,
            channel_order=channel_order,
            frame_step=frame_step,
            on_error=on_error,
        )
        return results if stream else list(results)

    def predict_sources(
        self,
        sources: Iterable[Source],
        *,
        batch_size: int = 1,
        threshold: float | None = None,
        boxes: Any = None,
        channel_order: str = 'rgb',
        frame_step: int = 1,
        on_error: str = 'result',
    ) -> Iterator[Result]:
        """Do the same for what ``find_sources`` has found, as a stream.

        Raises:
            TypeError, ValueError: As ``predict``.
        """
        check_count('batch_size', batch_size)
        check_count('frame_step', frame_step)
        check_choice('channel_order', channel_order, ('rgb', 'bgr'))
        check_choice('on_error', on_error, ('result', 'raise'))
        if threshold is None:
            threshold = self._model.threshold
        check_number('threshold', threshold, 0, 1)
        if boxes is not None and self.task != 'pose':
            raise TypeError(f'boxes are for pose, not for {self.task}')
        find = None
        if self._detector:
            find = self._finder(self._detector, boxes, threshold)
        bgr = channel_order == 'bgr'
        if self.task == 'action':
            items = open_clips(sources, bgr=bgr)
        else:
            items = open_pictures(sources, bgr=bgr, step=frame_step)
        return results_of(
            self._model,
            items,
            batch_size=batch_size,
            threshold=threshold,
            on_error=on_error,
            find=find,
        )

    def network_inputs(self, inputs: Any) -> Iterator[torch.Tensor]:
        """Yield what the network takes of inputs, as the test gives it.

        For pose that is the whole picture, without a detector.

        Args:
            inputs (Any): As in ``predict``.

        Yields:
            Tensor: (1, C, H, W), clips (1, C, T, H, W), normalised; not
            padded. Recognizers of images take clips (1, T, C, H, W).

        Raises:
            ValueError: An input can't be read; the message names it.
        """
        clips = self.task == 'action'
        sources = find_sources(inputs, clips=clips)
        items = (
            open_clips(sources, bgr=False)
            if clips
            else open_pictures(sources, bgr=False, step=1)
        )
        for item in items:
            if item.failure:
                raise ValueError(
                    f'{item.path or item.name}: {item.failure}'
                ) from item.failure
            if self.task == 'pose':
                item = replace(item, boxes=boxes_as_told('whole')(item))
            for data in self._model.prepare(item)[1]:
                yield from self.host.network_inputs(data)

    def _finder(
        self,
        load_detector: Callable[[], Predictor],
        boxes: Any,
        threshold: float,
    ) -> Finder:
        if boxes is not None:
            return boxes_as_told(boxes)
        detector, person = load_detector(), self.names[0]
        if person not in detector.names:
            raise ValueError(
                f'the detector has no class {person!r}; choose one by '
                f'person=: {list(detector.names)}'
            )

        def find(item: Item) -> Boxes:
            (found,) = detector.predict(
                [item.picture], threshold=threshold, on_error='raise'
            )
            assert found.boxes is not None
            assert found.scores is not None
            kept = found.labels == detector.names.index(person)
            return found.boxes[kept], found.scores[kept]

        return find
