"""Checks of backbone arguments: pure functions, the caller's object stays."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

__all__ = ['ATTENTION_MODES']

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
    if isinstance(out_indices, (str, bytes)) or not (
        isinstance(out_indices, Sequence)
        and all(type(i) is int for i in out_indices)
    ):
        raise TypeError(
            f'out_indices must be a sequence of ints, got {out_indices!r}'
        )
    for index in out_indices:
        if not -num_stages <= index < num_stages:
            raise ValueError(
                f'out_indices must lie in [{-num_stages}, {num_stages - 1}], '
                f'got {index}'
            )
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
    if not isinstance(with_cp, Sequence) or not all(
        type(c) is int for c in with_cp
    ):
        raise TypeError(
            'with_cp must be a bool or a sequence of ints (blocks per '
            f'stage), got {with_cp!r}'
        )
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


def check_attention(attention: str, window_size: int) -> None:
    """Raise unless the attention mode and the window size are valid.

    Raises:
        TypeError: ``window_size`` is not an int.
        ValueError: Unknown mode, or a window below 1.
    """
    if attention not in ATTENTION_MODES:
        raise ValueError(
            f'unknown attention {attention!r}; choose one of '
            f'{list(ATTENTION_MODES)}'
        )
    if type(window_size) is not int:
        raise TypeError(f'window_size must be an int, got {window_size!r}')
    if window_size < 1:
        raise ValueError(
            f'window_size must be at least 1 token, got {window_size}'
        )


def check_rate(name: str, rate: float) -> None:
    """Raise ``ValueError`` unless ``rate`` is a probability below 1."""
    if not 0 <= rate < 1:
        raise ValueError(f'{name} must lie in [0, 1), got {rate}')


def check_frozen_stages(frozen_stages: int, num_stages: int = 4) -> None:
    """Raise unless ``frozen_stages`` is an int in ``[-1, num_stages]``."""
    if type(frozen_stages) is not int:
        raise TypeError(f'frozen_stages must be an int, got {frozen_stages!r}')
    if not -1 <= frozen_stages <= num_stages:
        raise ValueError(
            f'frozen_stages must lie in [-1, {num_stages}], got '
            f'{frozen_stages}'
        )


def check_images(x: Tensor, in_channels: int, min_side: int) -> None:
    """Raise unless ``x`` is a batch of images the backbone can take.

    Raises:
        TypeError: ``x`` is not a floating-point tensor.
        ValueError: Not (N, C, H, W), other channels, or a side too short.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            'the input must be a torch.Tensor of shape (N, C, H, W), got '
            f'{type(x).__name__}'
        )
    if not x.is_floating_point():
        raise TypeError(
            'the input must be floating point (normalised images), got '
            f'{x.dtype}'
        )
    if x.ndim != 4:
        raise ValueError(
            'the input must have 4 dimensions (N, C, H, W), got shape '
            f'{tuple(x.shape)}'
        )
    if x.shape[1] != in_channels:
        raise ValueError(
            f'the input must have {in_channels} channels (in_channels), got '
            f'shape {tuple(x.shape)}'
        )
    if x.shape[2] < min_side or x.shape[3] < min_side:
        raise ValueError(
            f'the input must be at least {min_side} x {min_side} px, the '
            f'stride of the last stage, got shape {tuple(x.shape)}'
        )
