"""What may be done to the values of weights.

Each step is a pure function from weights to weights and a ``Report``; it
leaves what it was given as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from uniformer_mm.checks import check_choice
from uniformer_mm.weights.reading import listed
from uniformer_mm.weights.report import Report

__all__ = [
    'INFLATIONS',
    'STEM_CHANNELS',
    'fit_stem',
    'inflate',
    'permute_head',
    'stem_ways',
]

INFLATIONS = ('mean', 'centre')
STEM_CHANNELS = ('sum', 'repeat', 'zero')


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
        taken as they are share memory with ``state``), and the report.

    Raises:
        ValueError: Unknown ``how``, a key that is not in ``shapes``, or a
            shape that does not become the other by a time axis.
    """
    check_choice('how', how, INFLATIONS)
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


def fit_stem(
    state: Mapping[str, Tensor], in_channels: int, how: str
) -> tuple[dict[str, Tensor], Report]:
    """Give the first convolution another number of input channels.

    With the kernel w (out, c, ...) of the file and ``in_channels`` = C:

    - 'sum', for C = 1: the sum of w over its channels. A grey image gives
      what the same values in all c channels give.
    - 'repeat', for C >= c: channel i is that of the file at i modulo c, over
      the number of channels that are copies of it (C = 4, c = 3: w0 / 2, w1,
      w2, w0 / 2). A constant input gives what it gave.
    - 'zero', for C > c: the first c channels are w, the others are zeros.

    Args:
        state: Weights of a backbone; they stay as they are.
        in_channels: Channels wanted.
        how: 'sum', 'repeat' or 'zero'.

    Returns:
        tuple: The weights, sharing memory with ``state`` but for that kernel,
        and the report.

    Raises:
        ValueError: Unknown ``how``, one that does not fit the two numbers of
            channels, or no stem.
    """
    check_choice('how', how, STEM_CHANNELS)
    names = ('patch_embed1.proj.weight', 'patch_embed1.proj.0.weight')
    key = next((name for name in names if name in state), '')
    if not key:
        raise ValueError(f'no stem: {" or ".join(names)} is missing')
    # In double precision, as a sum in half precision would be rounded twice.
    weight = state[key].double()
    channels = weight.shape[1]
    report = Report(kept=tuple(state))
    if channels == in_channels:
        return dict(state), report
    if how == 'sum' and in_channels == 1:
        weight = weight.sum(1, keepdim=True)
    elif how == 'repeat' and in_channels > channels:
        index = torch.arange(in_channels, device=weight.device) % channels
        copies = torch.bincount(index)[index]
        # (C,) -> (C, 1, ...)
        weight = weight[:, index] / copies.view(-1, *[1] * (weight.ndim - 2))
    elif how == 'zero' and in_channels > channels:
        others = weight[:, :1].expand(
            -1, in_channels - channels, *weight.shape[2:]
        )
        weight = torch.cat([weight, torch.zeros_like(others)], 1)
    else:
        raise ValueError(
            f'stem_channels={how!r} does not make {in_channels} of '
            f'{channels} input channels: {stem_ways(channels, in_channels)}'
        )
    what = f'{channels} input channels made {in_channels} by {how}'
    result = {**state, key: weight.to(state[key].dtype)}
    return result, Report(kept=report.kept, changed={key: what})


def stem_ways(channels: int, in_channels: int) -> str:
    """Say which of ``STEM_CHANNELS`` make ``in_channels`` of ``channels``."""
    if in_channels == 1:
        return "choose stem_channels='sum'"
    if in_channels > channels:
        return "choose stem_channels='repeat' or 'zero'"
    return (
        "none of stem_channels does ('sum' is for 1 channel, 'repeat' and "
        "'zero' are for more than the file has)"
    )


def permute_head(
    state: Mapping[str, Tensor],
    source_labels: Sequence[str],
    target_labels: Sequence[str],
    prefix: str,
) -> tuple[dict[str, Tensor], Report]:
    """Put the rows of a linear head in another order of the same classes.

    The authors' Kinetics models number the classes in an order of their own,
    so their heads give the right scores under the wrong names elsewhere.
    Labels are compared without regard to case, and with underscores as
    spaces.

    Args:
        state: Weights; they stay as they are.
        source_labels: Class of each row now.
        target_labels: Class of each row of the result.
        prefix: What the names of the head begin with, such as
            'cls_head.fc_cls.'; ``weight`` (classes, C) and ``bias``
            (classes,) are behind it.

    Returns:
        tuple: The weights and the report; its ``changed`` is empty if the
        two orders agree.

    Raises:
        TypeError: A list of labels is a string.
        ValueError: No such head, not one label per row, a label twice, or
            labels that only one of the lists has.
    """
    source = _rows_by_label('source_labels', source_labels)
    target = _rows_by_label('target_labels', target_labels)
    missing = [name for name in source if name not in target]
    extra = [name for name in target if name not in source]
    if missing or extra:
        raise ValueError(
            'source_labels and target_labels must hold the same classes; only '
            f'in the source: {listed(missing) or "none"}; only in the target: '
            f'{listed(extra) or "none"}'
        )
    names = [prefix + name for name in ('weight', 'bias')]
    for name in names:
        if name not in state:
            raise ValueError(f'no head {prefix!r}: {name} is missing')
        rows = state[name].shape[:1]
        if rows != (len(source),):
            raise ValueError(
                f'source_labels must have one label per row of {name} '
                f'{tuple(state[name].shape)}, got {len(source)} labels'
            )
    result = dict(state)
    changed = {}
    if list(source) != list(target):
        order = torch.tensor([source[name] for name in target])
        for name in names:
            result[name] = state[name][order.to(state[name].device)]
            changed[name] = 'permuted to the target class order'
    return result, Report(kept=tuple(result), changed=changed)


def _rows_by_label(name: str, labels: Sequence[str]) -> dict[str, int]:
    """Return label (spelled one way) -> row, in the order of the rows."""
    if isinstance(labels, str):
        raise TypeError(f'{name} must be a list of labels, got {labels!r}')
    rows: dict[str, int] = {}
    for row, label in enumerate(labels):
        label = ' '.join(label.lower().replace('_', ' ').split())
        if label in rows:
            raise ValueError(
                f'{name} must name each class once, got {label!r} in rows '
                f'{rows[label]} and {row}'
            )
        rows[label] = row
    return rows
