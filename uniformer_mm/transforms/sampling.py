"""Which frames of a video make a clip.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``video_classification/slowfast/datasets/decoder.py`` (Kinetics, UCF101) and
``hmdb.py``, Apache-2.0; re-implemented from the published facts. The segment
sampling of Something-Something is mmaction2's ``UniformSample``.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from uniformer_mm.checks import check_count
from uniformer_mm.registry import TRANSFORMS

__all__ = ['DenseSample']


@TRANSFORMS.register_module()
class DenseSample:
    """Frames of a window of ``clip_len * frame_interval`` native frames.

    The clip is spread over its whole window, so that 16 frames of interval 4
    are 63 / 15 = 4.2 frames apart; what lies behind the end is the last frame.
    mmaction2's ``SampleFrames`` has them 4 apart, loops, and places the clips
    of a test by another rule.

    Takes ``total_frames`` and ``start_index``, the number of the first frame;
    gives ``frame_inds`` (num_clips * clip_len,), int32, ``clip_len``,
    ``frame_interval`` and ``num_clips``.

    Args:
        clip_len (int): Frames per clip, >= 1.
        frame_interval (int): Native frames of the window per frame of the
            clip, >= 1. The frame rate of the video does not matter.
        num_clips (int): Clips per video, >= 1. Defaults to 1.
        test_mode (bool): Take the clips evenly from the start, or a single
            one from the middle; else each from a random place. Defaults to
            False.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A number is below 1; on a call, a video without frames.
    """

    def __init__(
        self,
        clip_len: int,
        frame_interval: int,
        num_clips: int = 1,
        test_mode: bool = False,
    ) -> None:
        check_count('clip_len', clip_len)
        check_count('frame_interval', frame_interval)
        check_count('num_clips', num_clips)
        self.clip_len = clip_len
        self.frame_interval = frame_interval
        self.num_clips = num_clips
        self.test_mode = test_mode

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Choose the frames of one video."""
        total = results['total_frames']
        if total < 1:
            raise ValueError(
                f'a video must have frames, got total_frames={total} in '
                f'{results.get("filename") or results.get("frame_dir")}'
            )
        clips = [self._clip(start, total) for start in self._starts(total)]
        frames = np.concatenate(clips) + results['start_index']
        results['frame_inds'] = frames.astype(np.int32)
        results['clip_len'] = self.clip_len
        results['frame_interval'] = self.frame_interval
        results['num_clips'] = self.num_clips
        return results

    def _starts(self, total: int) -> list[float]:
        room = max(total - self.clip_len * self.frame_interval, 0)
        if not self.test_mode:
            return [random.uniform(0, room) for _ in range(self.num_clips)]
        if self.num_clips == 1:
            return [room // 2]
        step = room // (self.num_clips - 1)
        return [i * step for i in range(self.num_clips)]

    def _clip(self, start: float, total: int) -> np.ndarray[Any, Any]:
        end = start + self.clip_len * self.frame_interval - 1
        # torch's float32 values, because the official code rounds those down:
        # in other arithmetic some fall on the other side of an integer.
        places = torch.linspace(start, end, self.clip_len)
        return places.clamp(0, total - 1).long().numpy()
