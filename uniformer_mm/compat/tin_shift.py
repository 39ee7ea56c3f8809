"""``tin_shift_forward`` and ``tin_shift_backward`` of ``mmcv._ext``.

Sources: Shao et al., "Temporal Interlacing Network",
https://arxiv.org/abs/2001.06499; the calls in ``mmcv/ops/tin_shift.py``
(mmcv 2.1.0, Apache-2.0). Groups of channels move along time, each by a whole
number of frames; frames that nothing moves to are 0.
"""

from __future__ import annotations

import torch
from torch import Tensor


def tin_shift_forward(clips: Tensor, shift: Tensor, output: Tensor) -> None:
    """Overwrite ``output (N, T, C, H * W)``.

    Args:
        clips: ``(N, T, C, H * W)``, any type.
        shift: frames by which each group of channels moves, ``(N, G)``, whole
            numbers of any type; positive ones delay. C is a multiple of G.
        output: the result, of the type of ``clips``.
    """
    output.copy_(_shift(clips, shift.long()))


def tin_shift_backward(
    grad_output: Tensor, shift: Tensor, grad_input: Tensor
) -> None:
    """Overwrite ``grad_input``; shapes as in :func:`tin_shift_forward`.

    NOTE: the gradient moves against the shift. mmcv's kernel moves it along
    with the shift, which is the gradient of no function.
    """
    grad_input.copy_(_shift(grad_output, -shift.long()))


def _shift(clips: Tensor, shift: Tensor) -> Tensor:
    """Return ``clips (N, T, C, S)`` moved by ``shift (N, G)`` frames."""
    frames, channels = clips.shape[1:3]
    # (N, G) -> (N, 1, C, 1): one number per channel
    shift = shift.repeat_interleave(channels // shift.shape[1], 1)
    source = torch.arange(frames, device=clips.device)[None, :, None, None]
    source = source - shift[:, None, :, None]
    exists = (source >= 0) & (source < frames)
    index = source.clamp(0, frames - 1).expand(clips.shape)
    return clips.gather(1, index).masked_fill(~exists, 0)
