"""Checks of backbone arguments: pure functions, the caller's object stays."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from uniformer_mm.checks import (
    check_bool,
    check_choice,
    check_count,
    check_int,
    check_ints,
)

__all__ = [
    'ATTENTION_MODES',
    'check_attention',
    'check_input',
    'check_ndim',
    'check_outputs',
    'normalize_out_indices',
    'normalize_with_cp',
]

ATTENTION_MODES = ('global', 'window', 'hybrid')


def normalize_out_indices(
    out_indices: Sequence[int], num_stages: int = 4
) -> tuple[int, ...]:
    """Return sorted, non-negative, unique stage indices.

    Raises:
        TypeError: ``out_indices`` is not a sequence of ints.
        ValueError: It is empty, an index is outside ``[-num_stages,
            num_stages - 1]``, or one stage is named twice.
    """
    check_ints('out_indices', out_indices, 'a sequence of ints')
    for index in out_indices:
        check_int('out_indices', index, -num_stages, num_stages - 1)
    stages = sorted({i % num_stages for i in out_indices})
    if not stages or len(stages) != len(out_indices):
        raise ValueError(
            'out_indices must name at least one stage and none twice, got '
            f'{tuple(out_indices)}'
        )
    return tuple(stages)


def normalize_with_cp(
    with_cp: bool | Sequence[int], depths: tuple[int, ...]
) -> tuple[int, ...]:
    """Return how many leading blocks of each stage are checkpointed.

    Args:
        with_cp: True for all blocks, False for none, or a count per stage.
        depths: Blocks per stage.

    Raises:
        TypeError: ``with_cp`` is neither a bool nor a sequence of ints.
        ValueError: Not one count per stage, or a count outside its stage.
    """
    if isinstance(with_cp, bool):
        return depths if with_cp else (0,) * len(depths)
    rule = 'a bool or a sequence of ints (blocks per stage)'
    check_ints('with_cp', with_cp, rule)
    counts = tuple(with_cp)
    if len(counts) != len(depths) or not all(
        0 <= count <= depth
        for count, depth in zip(counts, depths, strict=True)
    ):
        raise ValueError(
            f'with_cp must hold {len(depths)} counts between 0 and the '
            f'depths {depths}, got {counts}'
        )
    return counts


def check_attention(attention: str, window_size: int, ndim: int) -> None:
    """Raise unless the attention mode and the window size are valid.

    Raises:
        TypeError: ``window_size`` is not an int.
        ValueError: Unknown mode, a window below 1, or windows of videos.
    """
    check_choice('attention', attention, ATTENTION_MODES)
    check_count('window_size', window_size)
    if ndim == 3 and attention != 'global':
        raise ValueError(
            "attention must be 'global' for videos (ndim=3), got "
            f'{attention!r}'
        )


def check_outputs(
    out_norm: str | None, as_tuple: bool, out_indices: tuple[int, ...]
) -> None:
    """Raise ``ValueError`` unless these fit the outputs."""
    if not as_tuple and len(out_indices) != 1:
        raise ValueError(
            f'as_tuple=False is for one output, got out_indices {out_indices}'
        )
    check_choice('out_norm', out_norm, ('LN', 'BN', None))
    if out_norm == 'BN' and out_indices != (3,):
        raise ValueError(
            "out_norm='BN' is the norm of the last stage and needs "
            f'out_indices=(3,), got {out_indices}'
        )


def check_ndim(ndim: int, **video_only: bool) -> None:
    """Raise ``ValueError`` unless ``ndim`` is 2 or 3 and allows the options.

    Args:
        ndim: 2 for images, 3 for videos.
        video_only: Options that are on, which only videos have.
    """
    if ndim not in (2, 3):
        raise ValueError(
            f'ndim must be 2 (images) or 3 (videos), got {ndim!r}'
        )
    for name, on in video_only.items():
        check_bool(name, on)
    wrong = [name for name, on in video_only.items() if on]
    if ndim == 2 and wrong:
        raise ValueError(f'{wrong[0]}=True needs ndim=3, got ndim=2')


def check_input(
    x: Tensor,
    ndim: int,
    in_channels: int,
    min_side: int,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Raise unless ``x`` is a batch of images or videos that fits.

    Args:
        x: The input, to be (N, C, H, W) or (N, C, T, H, W).
        ndim: 2 for images, 3 for videos.
        in_channels: As many must ``x`` have.
        min_side: Least height and width.
        device: Where ``x`` must be; None: anywhere.
        dtype: Which ``x`` must have; None: any that is floating-point.

    Raises:
        TypeError: ``x`` is not a floating-point tensor, or of another dtype.
        ValueError: Wrong dimensions or channels, a side or a clip too short;
            or ``x`` is on another device.
    """
    layout = '(N, C, H, W)' if ndim == 2 else '(N, C, T, H, W)'
    if not isinstance(x, Tensor):
        raise TypeError(
            f'the input must be a torch.Tensor of shape {layout}, got '
            f'{type(x).__name__}'
        )
    if not x.is_floating_point():
        raise TypeError(
            'the input must be floating point (normalised pixels), got '
            f'{x.dtype}'
        )
    if x.ndim != ndim + 2:
        raise ValueError(
            f'the input must have {ndim + 2} dimensions {layout} for '
            f'ndim={ndim}, got shape {tuple(x.shape)}'
        )
    if x.shape[1] != in_channels:
        raise ValueError(
            f'the input must have {in_channels} channels (in_channels), got '
            f'shape {tuple(x.shape)}'
        )
    if x.shape[-2] < min_side or x.shape[-1] < min_side:
        raise ValueError(
            f'the input must be at least {min_side} x {min_side} px, the '
            f'stride of the last stage, got shape {tuple(x.shape)}'
        )
    if ndim == 3 and x.shape[2] < 2:
        raise ValueError(
            'the input must have at least 2 frames, the temporal stride of '
            f'the stem, got shape {tuple(x.shape)}'
        )
    if device is not None and x.device != device:
        raise ValueError(
            f'the input must be on {device}, as the weights are, got one on '
            f'{x.device}; move one of the two'
        )
    if dtype is not None and x.dtype != dtype:
        raise TypeError(
            f'the input must be {dtype}, as the weights are, got {x.dtype}; '
            'convert one of the two, or use torch.autocast'
        )
