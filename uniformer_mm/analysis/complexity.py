"""Parameters and multiply-adds of the model of a config.

The model is built and run on torch's meta device: shapes alone, so that the
largest takes a second and no memory.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from uniformer_mm.analysis.input_shape import default_shape
from uniformer_mm.analysis.meter import Meter, Part
from uniformer_mm.analysis.runs import RUNS
from uniformer_mm.hosts import host_of, import_extra

__all__ = ['Complexity', 'count_complexity']


@dataclass(frozen=True)
class Complexity:
    """What a model costs.

    Attributes:
        shape (tuple[int, ...]): [T,] H, W of one view.
        views (int): Views of one test sample.
        parts (tuple[Part, ...]): In the order they are run in.
    """

    shape: tuple[int, ...]
    views: int
    parts: tuple[Part, ...]

    @property
    def params(self) -> int:
        """Number of parameters of the model."""
        return sum(part.params for part in self.parts)

    @property
    def macs(self) -> int:
        """Multiply-adds for all views of one test sample."""
        return self.views * sum(part.macs for part in self.parts)


def count_complexity(
    config: Config | str | Path, shape: Sequence[int] | None = None
) -> Complexity:
    """Count parameters and multiply-adds, at batch size 1.

    Multiply-adds are what the paper calls FLOPs: one for each product in a
    convolution, linear layer or attention, whose two matrix products are
    counted, padding of windows included. Not counted: biases, norms,
    activations, poolings, resizing, RoIAlign and all that has no weights.

    What is run:

    - Detectors: backbone, neck and dense heads on the image; box heads on
      1000 proposals, mask heads on 100, each stage of a cascade.
    - Segmentors: backbone, neck and decode head; the auxiliary head, which
      is for training, has parameters but no multiply-adds.
    - Pose estimators: backbone, neck and head.
    - Recognizers: backbone, neck and head for one view.
    - Image classifiers: backbone, neck and head.

    Args:
        config (Config | str | Path): A config of mmdet, mmseg, mmpose,
            mmaction or mmpretrain, or its file.
        shape (Sequence[int], optional): H and W in pixels, for videos T, H
            and W. Defaults to what the config is tested on, see
            ``default_shape``.

    Raises:
        ValueError: The config names no host, or one without a rule here; its
            model is of another kind than above; ``shape`` does not fit, or is
            not given and not told by the config.
        ImportError: The host is missing, or fails.
        OSError: The file can't be read.
    """
    if not isinstance(config, Config):
        config = Config.fromfile(config)
    host = host_of(config)
    scope = host.module
    import_extra(f'{scope}.models')
    views = 1
    try:
        tested = default_shape(config)
        shape, views = shape or tested.shape, tested.views
    except ValueError:
        if shape is None:
            raise
    shape = _check_shape(shape, host.axes)
    with DefaultScope.overwrite_default_scope(scope):
        meter = Meter(_build(config.model))
        with torch.device('meta'):
            RUNS[scope](meter, shape)
    meter.note_the_rest()
    return Complexity(shape, views, tuple(meter.parts))


def _check_shape(shape: Sequence[int], axes: Sequence[str]) -> tuple[int, ...]:
    if len(shape) != len(axes) or min(shape) < 1:
        raise ValueError(
            f'shape must be {len(axes)} positive numbers, '
            f'{" ".join(axes)}, got {tuple(shape)}'
        )
    return tuple(shape)


def _build(settings: Any) -> nn.Module:
    try:
        with torch.device('meta'):
            model = MODELS.build(copy.deepcopy(settings))
    except RuntimeError:  # some backbones compute with numbers of tensors
        model = MODELS.build(copy.deepcopy(settings)).to('meta')
    return model.eval().requires_grad_(False)
