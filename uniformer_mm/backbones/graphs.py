"""Whether code runs, or is being written down as a graph."""

from __future__ import annotations

import torch

__all__ = ['in_graph']


def in_graph() -> bool:
    """Whether torch is compiling, exporting or tracing what runs.

    A graph keeps each branch on the size of a map, and each number of loops,
    as it was for the first input: what depends on sizes then has to be written
    with operations alone.
    """
    tracing: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return torch.compiler.is_compiling() or tracing
