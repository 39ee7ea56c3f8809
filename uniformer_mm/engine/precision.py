"""Mixed precision of a config where it runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from mmengine import device
from mmengine.logging import print_log

__all__ = ['fit_to_device']

# Those that MMEngine's AmpOptimWrapper runs on; it asserts that there is one.
DEVICES = ('cuda', 'npu', 'mlu', 'musa')
OF_AMP = ('dtype', 'loss_scale', 'use_fsdp')


def fit_to_device(optim_wrapper: Any) -> Any:
    """Return a config of an optimizer wrapper that can run here.

    MMEngine's mixed precision refuses a CPU. There a config that asks for it
    gets float32, and a line in the log says so.

    Args:
        optim_wrapper: Config, or what else a runner takes; not changed.
    """
    if (
        not isinstance(optim_wrapper, Mapping)
        or optim_wrapper.get('type') != 'AmpOptimWrapper'
        or any(getattr(device, f'is_{name}_available')() for name in DEVICES)
    ):
        return optim_wrapper
    print_log(
        'optim_wrapper.type=AmpOptimWrapper trains in half precision, which '
        'a CPU has not: this run is in float32 (OptimWrapper)',
        'current',
        logging.WARNING,
    )
    kept = {k: v for k, v in optim_wrapper.items() if k not in OF_AMP}
    return {**kept, 'type': 'OptimWrapper'}
