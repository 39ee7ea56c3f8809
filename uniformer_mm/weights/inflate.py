"""Weights of an image model into those of a video model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from uniformer_mm.weights.checks import listed
from uniformer_mm.weights.report import Report

__all__ = ['INFLATIONS', 'inflate']

INFLATIONS = ('mean', 'centre')


def inflate(
    state: Mapping[str, Tensor],
    shapes: Mapping[str, Sequence[int]],
    how: str = 'mean',
) -> tuple[dict[str, Tensor], Report]:
    """Give kernels of images the time axis that kernels of videos have.

    Official rule (``get_pretrained_model`` of
    github.com/Sense-X/UniFormer at 52a0415,
    ``video_classification/slowfast/models/uniformer.py``): where a shape
    differs and the target has more than two axes, repeat along a new axis 2
    and divide by its length. All else is taken as it is, the statistics of
    batch norms among it. That keys of ``shapes`` are missing is for the
    loader to judge.

    Args:
        state: Weights of an image model; it stays as it is.
        shapes: Key -> shape in the video model.
        how: 'mean' (each frame gets the same share) or 'centre' (the middle
            frame gets all, the others zeros). Defaults to 'mean'.

    Returns:
        tuple: The weights with the shapes of the video model (those that are
        taken as they are share memory with ``state``), and the account.

    Raises:
        ValueError: Unknown ``how``, a key that is not in ``shapes``, or a
            shape that does not become the other by a time axis.
    """
    if how not in INFLATIONS:
        raise ValueError(f'unknown how={how!r}; choose one of {INFLATIONS}')
    unknown = [key for key in state if key not in shapes]
    if unknown:
        raise ValueError(f'not in the video model: {listed(unknown)}')
    result = {}
    changed = {}
    for key, value in state.items():
        source, target = tuple(value.shape), tuple(shapes[key])
        result[key] = value
        if source == target:
            continue
        if len(target) != 5 or target[:2] + target[3:] != source:
            raise ValueError(
                f'{key} has shape {source}, which does not become {target} '
                'by a time axis'
            )
        frames = target[2]
        result[key] = _with_time(value, frames, how)
        changed[key] = 'unsqueezed' if frames == 1 else f'inflated by {how}'
    return result, Report(kept=tuple(result), changed=changed)


def _with_time(value: Tensor, frames: int, how: str) -> Tensor:
    """(out, in, kH, kW) -> (out, in, frames, kH, kW)."""
    if how == 'mean':
        return value.unsqueeze(2).repeat(1, 1, frames, 1, 1) / frames
    rest = torch.zeros_like(value)
    middle = frames // 2
    return torch.stack(
        [value if t == middle else rest for t in range(frames)], 2
    )
