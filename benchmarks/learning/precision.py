"""bfloat16 on any device: MMEngine's mixed precision refuses a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

__all__ = ['Bf16OptimWrapper']


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """Trains in bfloat16 where autocast allows it, with float32 weights."""

    @contextmanager
    def optim_context(self, model: Any) -> Iterator[None]:
        """See ``OptimWrapper.optim_context``."""
        kind = get_device().partition(':')[0]
        with (
            super().optim_context(model),
            torch.autocast(kind, torch.bfloat16),
        ):
            yield
