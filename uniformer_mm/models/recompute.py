"""Activation checkpointing that leaves batch norm statistics alone."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from uniformer_mm.fast.path import graph_path, is_on, plain

__all__ = ['run_checkpointed']


@graph_path('run_checkpointed')
def run_checkpointed(block: nn.Module, *args: Any) -> Any:
    """Run ``block`` and keep only its input for the backward pass."""
    return checkpoint(
        block,
        *args,
        use_reentrant=False,
        context_fn=lambda: (ExitStack(), _Recomputation(block)),
    )


class _Recomputation(AbstractContextManager[None]):
    """Recompute as the first pass computed, and record no batch again.

    The recomputation must save the same tensors as the first pass, so it takes
    fast forms if that did, and statistics stay attached and are updated by
    nothing. Entered at each backward pass.
    """

    def __init__(self, block: nn.Module) -> None:
        self.norms = [m for m in block.modules() if isinstance(m, _BatchNorm)]
        self.plain = not is_on()

    def __enter__(self) -> None:
        self.exits = ExitStack()
        self.exits.enter_context(plain(self.plain))
        for norm in self.norms:
            for name, value in (
                ('momentum', 0.0),
                ('num_batches_tracked', None),
            ):
                self.exits.callback(setattr, norm, name, getattr(norm, name))
                setattr(norm, name, value)

    def __exit__(self, *_: object) -> None:
        self.exits.close()
