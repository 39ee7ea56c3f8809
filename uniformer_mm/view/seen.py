"""What a network sees of an input: pixels, and where a point of it went."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor

from uniformer_mm.predict.batches import Task
from uniformer_mm.predict.host_model import short
from uniformer_mm.predict.items import Item
from uniformer_mm.predict.persons import boxes_as_told
from uniformer_mm.predict.pictures import Array

__all__ = ['Box', 'Point', 'Seen', 'see']

Point = tuple[float, float]  # x, y in pixels
Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels


@dataclass(frozen=True)
class Seen:
    """An input as the network gets it.

    Attributes:
        data (dict): What the test pipeline made, for ``HostModel.run``.
        inputs (Tensor): (1, C, [T,] H, W), normalised and padded.
        frames (Array): (T, h, w, 3), uint8, RGB: its pixels, resized or cut
            as the pipeline does, without padding; T is 1 for a picture.
        scale (Point): Pixels of ``frames`` per pixel of the input.
        origin (Point): Pixel of the input in the corner of ``frames``.
    """

    data: Any
    inputs: Tensor
    frames: Array
    scale: Point = (1.0, 1.0)
    origin: Point = (0.0, 0.0)

    def place(self, point: Point) -> Point:
        """Return where a pixel of the input is in ``frames``.

        Raises:
            ValueError: It is not in them.
        """
        x, y = (
            (value - origin) * scale
            for value, origin, scale in zip(
                point, self.origin, self.scale, strict=True
            )
        )
        _, height, width, _ = self.frames.shape
        if not (0 <= x < width and 0 <= y < height):
            right, bottom = (
                origin + side / scale
                for origin, side, scale in zip(
                    self.origin, (width, height), self.scale, strict=True
                )
            )
            raise ValueError(
                f'the point {point} is outside of what the network sees: x '
                f'from {self.origin[0]:.0f} to {right:.0f}, y from '
                f'{self.origin[1]:.0f} to {bottom:.0f}'
            )
        return x, y


def see(task: Task, item: Item, box: Box | None = None) -> Seen:
    """Prepare an input for a model.

    Of clips one view is taken, the middle one of those of the test, and of
    models for pictures its middle frame.

    Args:
        task: The model.
        item: A picture, or a clip for action.
        box: Pose alone: the person, in pixels of the picture; None is the
            whole picture.

    Raises:
        ValueError, TypeError, OSError: The input can't be read or used.
    """
    if item.failure:
        raise item.failure
    if task.task == 'pose':
        told = boxes_as_told('whole' if box is None else [[box]])
        item = replace(item, boxes=told(item))
    _, (data,) = task.prepare(item)
    model: Any = task.host.model
    with torch.no_grad():
        inputs = model.data_preprocessor(pseudo_collate([data]), False)[
            'inputs'
        ]
    pixels = data['inputs']
    if task.task == 'action':
        flipped = 'RGBToBGR' in [short(s['type']) for s in task.host.steps()]
        middle = len(pixels) // 2
        # (1, views, C, [T,] H, W) -> (1, C, [T,] H, W)
        return Seen(
            data, inputs[:, middle], _frames(pixels[middle], bgr=flipped)
        )
    frames = _frames(pixels, bgr=True)
    scale, origin = _resized(data['data_samples'].metainfo, task.task)
    return Seen(data, inputs, frames, scale, origin)


def _frames(pixels: Tensor, *, bgr: bool) -> Array:
    """(C, [T,] H, W) -> (T, H, W, 3), uint8, RGB."""
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    if pixels.dtype != torch.uint8:  # normalised by the pipeline
        low, high = pixels.min(), pixels.max()
        pixels = (pixels - low) / (high - low).clamp_min(1e-12) * 255
    frames = pixels.permute(1, 2, 3, 0).byte().cpu().numpy()
    return np.ascontiguousarray(frames[..., ::-1] if bgr else frames)


def _resized(meta: dict[str, Any], task: str) -> tuple[Point, Point]:
    if task == 'pose':
        # The crop of a top-down estimator, which has the person's middle in
        # its own.
        center = np.ravel(meta['input_center'])
        size = np.ravel(meta['input_scale'])
        x, y = center - size / 2
        w, h = meta['input_size']
        return (w / float(size[0]), h / float(size[1])), (float(x), float(y))
    x, y = (float(v) for v in meta.get('scale_factor', (1, 1))[:2])
    if task != 'classification':
        return (x, y), (0.0, 0.0)
    # The middle of the picture, where the test cuts it out.
    (height, width), (h, w) = meta['ori_shape'], meta['img_shape']
    left, top = (
        max(0, round((side * scale - seen) / 2)) / scale
        for side, scale, seen in ((width, x, w), (height, y, h))
    )
    return (x, y), (left, top)
