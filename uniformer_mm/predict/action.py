"""Clips to classes, by recognizers of mmaction2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose

from uniformer_mm.predict.host_model import HostModel, short
from uniformer_mm.predict.items import Item
from uniformer_mm.predict.legend import find_legend
from uniformer_mm.predict.pictures import Array, decode_picture

__all__ = ['Action', 'labels_by_score', 'pipelines']

VIDEO = (
    {'type': 'uniformer_mm.VideoInit'},
    {'type': 'uniformer_mm.VideoDecode'},
)
MEMORY = {'type': 'mmaction.ArrayDecode'}


class Action:
    """A recognizer.

    It sees the clips and crops of the config's test, as ``mim test``.

    Args:
        host: Its model.
        names: Of its classes; None takes those of the weights or the config.

    Raises:
        ValueError: The test pipeline decodes no frames, or there are more or
            fewer names than classes.
    """

    task = 'action'
    threshold = 0.0

    def __init__(self, host: HostModel, names: Sequence[str] | None) -> None:
        self.host = host
        head: Any = host.model.cls_head
        self.legend = find_legend(head.num_classes, names, host.metas)
        if head.average_clips is None:
            head.average_clips = 'prob'
        # The mean of logits is no probability yet.
        self.of_logits = head.average_clips == 'score'
        self.pipelines = {
            kind: pipelines(host, kind) for kind in ('video', 'memory')
        }

    def prepare(self, item: Item) -> tuple[Any, list[Any]]:
        """Return the middle frame, and what the model takes of the clip."""
        clip = item.clip
        sample: dict[str, Any] = {
            'start_index': 0,
            'modality': 'RGB',
            'label': -1,
        }
        if isinstance(clip, Path):
            kind = 'video'
            sample['filename'] = str(clip)
        else:
            assert clip is not None
            kind = 'memory'
            frames = _Frames(clip) if isinstance(clip, list) else clip
            sample.update(array=frames, total_frames=len(clip))
        decode, rest = self.pipelines[kind]
        sample = self.host.transform(decode, sample)
        frames = sample['imgs']
        middle = np.array(frames[len(frames) // 2])
        return middle, [self.host.transform(rest, sample)]

    def read(self, samples: Sequence[Any], threshold: float) -> dict[str, Any]:
        """Return the fields of a ``Result``, of one data sample."""
        scores: torch.Tensor = samples[0].pred_score.float().cpu()
        if self.of_logits:
            scores = scores.softmax(-1)
        return labels_by_score(scores, threshold)


def labels_by_score(scores: torch.Tensor, threshold: float) -> dict[str, Any]:
    """Return the fields of a ``Result``, the surest class first.

    Args:
        scores: (classes,), on the CPU.
        threshold: The least score that is kept.
    """
    values, order = scores.sort(descending=True, stable=True)
    kept = values >= threshold
    return {'scores': values[kept].numpy(), 'labels': order[kept].numpy()}


class _Frames:
    """A folder of pictures that is indexed as an array of frames."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __getitem__(self, index: int) -> Array:
        path = self.paths[index]
        try:
            return decode_picture(path.read_bytes())
        except ValueError as error:
            raise ValueError(f'frame {path.name}: {error}') from error


def pipelines(host: HostModel, kind: str) -> tuple[Compose, Compose]:
    """Return the test pipeline in two parts: up to decoding, and the rest.

    Whatever the config reads, 'video' reads video files and 'memory' takes
    frames from an array.

    Raises:
        ValueError: The pipeline decodes nothing.
    """
    steps = host.steps()
    kinds = [short(step['type']) for step in steps]
    decoders = [i for i, name in enumerate(kinds) if name.endswith('Decode')]
    if not decoders:
        raise ValueError(
            f'the test pipeline must decode frames, its steps are {kinds}'
        )
    cut = decoders[0]
    openers = [i for i in range(cut) if kinds[i].endswith('Init')]
    sampling = [step for i, step in enumerate(steps[:cut]) if i not in openers]
    init, decode = VIDEO
    if openers:  # the config reads videos, by steps of its choice
        init, decode = steps[openers[0]], steps[cut]
    first = [*sampling, MEMORY]
    if kind == 'video':
        first = [init, *sampling, decode]
    return host.compose(first), host.compose(steps[cut + 1 :])
