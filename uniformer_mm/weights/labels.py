"""The order of classes in a head.

The authors' Kinetics models number the classes in an order of their own, so
their heads give the right scores under the wrong names in other frameworks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from uniformer_mm.weights.checks import listed
from uniformer_mm.weights.report import Report

__all__ = ['permute_head']


def permute_head(
    state: Mapping[str, Tensor],
    source_labels: Sequence[str],
    target_labels: Sequence[str],
    prefix: str,
) -> tuple[dict[str, Tensor], Report]:
    """Put the rows of a linear head in another order of the same classes.

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
        tuple: The weights and the account; its ``changed`` is empty if the
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
