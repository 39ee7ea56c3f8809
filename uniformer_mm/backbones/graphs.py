"""Whether code runs on values, or is written down, transformed, imagined."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ['holds_values', 'in_graph']


def in_graph() -> bool:
    """Whether torch is compiling, exporting or tracing what runs.

    A graph keeps each branch on the size of a map, and each number of loops,
    as it was for the first input: what depends on sizes then has to be written
    with operations alone.
    """
    tracing: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return torch.compiler.is_compiling() or tracing


def holds_values(x: Tensor) -> bool:
    """Whether ``x`` is a plain tensor that holds its values itself.

    Fake tensors, those of ``torch.func`` and of other subclasses do not.
    """
    if type(x) not in (Tensor, nn.Parameter):
        return False
    try:
        x.data_ptr()
    except RuntimeError:
        return False
    return True
