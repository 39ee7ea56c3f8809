"""Activation checkpointing that leaves batch norm statistics alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import (
    AbstractContextManager,
    contextmanager,
    nullcontext,
)
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

__all__ = ['run_checkpointed']


def run_checkpointed(block: nn.Module, *args: Any) -> Any:
    """Run ``block`` and keep only its input for the backward pass."""
    options: dict[str, Any] = {}
    norms = [m for m in block.modules() if isinstance(m, _BatchNorm)]
    # A compiled graph updates the statistics once by itself, and can't be
    # captured with contexts.
    if norms and not torch.compiler.is_compiling():

        def contexts() -> tuple[
            AbstractContextManager[None], AbstractContextManager[None]
        ]:
            return nullcontext(), _keep_statistics(norms)

        options['context_fn'] = contexts
    return checkpoint(block, *args, use_reentrant=False, **options)


@contextmanager
def _keep_statistics(norms: list[_BatchNorm]) -> Iterator[None]:
    """Let batch norms use a batch without recording it again.

    The recomputation must save the same tensors as the first pass, so the
    statistics stay attached and are updated by nothing.
    """
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked = count
