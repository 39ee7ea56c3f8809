"""Weights of other shapes, which MMEngine passes over with a line in a log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

__all__ = ['check_shapes']


def check_shapes(
    module: nn.Module, state_dict: Mapping[str, Any], prefix: str
) -> None:
    """Raise ``RuntimeError``, as torch does, for weights that don't fit.

    NOTE: not of those of one axis, as which shards of others may be held.

    Args:
        module: What the weights are loaded into.
        state_dict: They may be some of it, under names behind ``prefix``.
        prefix: Ends with a dot, or is empty.
    """
    wrong = [
        f'{name} is {tuple(given.shape)} in them and {tuple(own.shape)} in it'
        for name, own in module.named_parameters()
        if torch.is_tensor(given := state_dict.get(prefix + name))
        and given.ndim == own.ndim > 1
        and given.shape != own.shape
    ]
    if wrong:
        more = f' (and {len(wrong) - 1} more)' if len(wrong) > 1 else ''
        raise RuntimeError(
            f"these weights don't fit this {type(module).__name__}: "
            f'{wrong[0]}{more}; build it as they are (for another number of '
            'input channels, load_backbone and UniFormerPretrained have '
            'stem_channels)'
        )
