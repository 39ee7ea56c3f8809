"""Channel order of frames, resizing and erasing of float ones.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``video_classification/slowfast/datasets/{transform,random_erasing}.py``,
Apache-2.0; re-implemented from the published facts.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from uniformer_mm.checks import (
    check_count,
    check_number,
    check_numbers,
    check_range,
)
from uniformer_mm.registry import TRANSFORMS

__all__ = ['FloatResize', 'RGBToBGR', 'RandomErase']

ATTEMPTS = 100  # to find a box that is smaller than the frame


@TRANSFORMS.register_module()
class RGBToBGR:
    """Turn the channels of frames around.

    The official models of Something-Something and HMDB51 were trained on BGR.
    It is a step of its own because mmaction2's inferencer replaces whatever
    has 'Init' or 'Decode' in its name.

    Takes and gives ``imgs``, frames (H, W, 3).
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Turn all frames around."""
        results['imgs'] = [
            np.ascontiguousarray(frame[..., ::-1]) for frame in results['imgs']
        ]
        return results


@TRANSFORMS.register_module()
class FloatResize:
    """Resize frames bilinearly, in float32, which they stay.

    mmaction2's ``Resize`` keeps the type of the frames, and so rounds to
    whole levels.

    Takes and gives ``imgs``, frames (H, W, 3) of 0-255, and gives
    ``img_shape``.

    Args:
        scale (int | Sequence[int]): Length of the short side in pixels, the
            long one in proportion and rounded down, or (width, height).

    Raises:
        TypeError: ``scale`` is neither.
        ValueError: A length is below 1.
    """

    def __init__(self, scale: int | Sequence[int]) -> None:
        sides = [scale] if isinstance(scale, int) else scale
        if not isinstance(sides, Sequence) or len(sides) not in (1, 2):
            raise TypeError(
                'scale must be the length of the short side or (width, '
                f'height), got {scale!r}'
            )
        for side in sides:
            check_count('scale', side)
        self.scale = scale if isinstance(scale, int) else tuple(scale)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize all frames to one size."""
        height, width = results['imgs'][0].shape[:2]
        if isinstance(self.scale, int):
            short = min(height, width)
            size = [side * self.scale // short for side in (width, height)]
        else:
            size = list(self.scale)
        results['imgs'] = [
            cv2.resize(
                frame.astype(np.float32), size, interpolation=cv2.INTER_LINEAR
            )
            for frame in results['imgs']
        ]
        results['img_shape'] = tuple(size[::-1])
        return results


@TRANSFORMS.register_module()
class RandomErase:
    """Fill a random box, the same for all frames, with fresh noise.

    Each value of each frame becomes normal noise of the given mean and
    deviation: those of the normalisation, so that the model sees N(0, 1), as
    officially after it. ``RandomErasing`` of mmaction2 and mmpretrain is for
    uint8, and clips.

    Takes and gives ``imgs``, frames (H, W, 3), float32; or ``img``, a picture
    (H, W, 3), of which it makes float32.

    Args:
        prob (float): Probability, in [0, 1]. Defaults to 0.25.
        area (Sequence[float]): Range of the box's part of the frame, drawn
            uniformly. Defaults to (0.02, 1/3).
        aspect (Sequence[float]): Range of height over width, drawn uniformly
            in its logarithm. Defaults to (0.3, 1/0.3).
        mean (Sequence[float]): Of the noise, per channel, on the scale of
            the frames. Defaults to 114.75, 0.45 of 255.
        std (Sequence[float]): Of the noise. Defaults to 57.375.

    Raises:
        TypeError: An argument is of the wrong type; on a call, frames that
            are not float.
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        prob: float = 0.25,
        area: Sequence[float] = (0.02, 1 / 3),
        aspect: Sequence[float] = (0.3, 1 / 0.3),
        mean: Sequence[float] = (114.75, 114.75, 114.75),
        std: Sequence[float] = (57.375, 57.375, 57.375),
    ) -> None:
        check_number('prob', prob, 0, 1)
        check_range('area', area)
        check_range('aspect', aspect)
        check_numbers('mean', mean, 3)
        check_numbers('std', std, 3)
        if area[1] > 1:
            raise ValueError(f'area must end at 1 or below, got {area}')
        self.prob = prob
        self.area = tuple(area)
        self.aspect = tuple(aspect)
        self.mean = np.array(mean, np.float32)
        self.std = np.array(std, np.float32)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Erase, or leave the clip as it is."""
        if 'img' in results:
            # All of a batch, erased or not, must be of one type.
            results['img'] = results['img'].astype(np.float32)
        frames = results['imgs'] if 'imgs' in results else [results['img']]
        if not all(np.issubdtype(f.dtype, np.floating) for f in frames):
            raise TypeError(
                'RandomErase takes float frames, got '
                f'{frames[0].dtype}; put it behind FloatResize'
            )
        if random.random() >= self.prob:
            return results
        box = self._box(*frames[0].shape[:2])
        if box is None:
            return results
        rows, columns = box
        for frame in frames:
            hole = frame[rows, columns]
            noise = np.random.standard_normal(hole.shape)
            hole[:] = self.mean + self.std * noise
        return results

    def _box(self, height: int, width: int) -> tuple[slice, slice] | None:
        for _ in range(ATTEMPTS):
            area = random.uniform(*self.area) * height * width
            aspect = math.exp(random.uniform(*map(math.log, self.aspect)))
            h = round(math.sqrt(area * aspect))
            w = round(math.sqrt(area / aspect))
            if h < height and w < width:
                top = random.randint(0, height - h)
                left = random.randint(0, width - w)
                return slice(top, top + h), slice(left, left + w)
        return None
