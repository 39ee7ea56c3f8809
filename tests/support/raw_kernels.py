"""mmcv's RoIAlign as a compiled mmcv has it: it reads plain memory.

Its kernels take the address of a tensor and read N C H W from there, whatever
the strides say.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

__all__ = ['RAW', 'as_compiled_code_reads', 'raw_kernels']

RAW = ('roi_align_forward', 'roi_align_backward')


def as_compiled_code_reads(tensor: Tensor) -> Tensor:
    """Return the memory of ``tensor`` as if it were contiguous."""
    strides = torch.empty(tensor.shape, device='meta').stride()
    return tensor.as_strided(tensor.shape, strides, tensor.storage_offset())


def _reading_raw(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let ``function`` read, and write, all its tensors that way."""

    def raw(*tensors: Tensor, **settings: Any) -> Any:
        return function(*map(as_compiled_code_reads, tensors), **settings)

    return raw


@contextmanager
def raw_kernels() -> Iterator[None]:
    """Make ``mmcv.ops.roi_align`` read and write plain memory."""
    ext = importlib.import_module('mmcv.ops.roi_align').ext_module
    with ExitStack() as stack:
        for name in RAW:
            raw = _reading_raw(getattr(ext, name))
            stack.enter_context(patch.object(ext, name, raw))
        yield
