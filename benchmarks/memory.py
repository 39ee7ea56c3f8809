"""Peak memory of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

__all__ = ['bytes_of', 'peak_bytes']


def bytes_of(model: nn.Module, *others: Tensor) -> int:
    """Return the bytes of the weights of ``model``, and of ``others``."""
    tensors = (*model.parameters(), *model.buffers(), *others)
    return sum(t.numel() * t.element_size() for t in tensors)


def peak_bytes(
    call: Callable[[], object],
    device: torch.device,
    reset: Callable[[], object] = lambda: None,
) -> int:
    """Return the most bytes of tensors that ``call`` has beside those before.

    What torch's allocator hands out: on CUDA by its own statistics, on a CPU
    by the allocations that the profiler records, so other processes and the
    memory that the C library keeps for later do not count. The scratch memory
    of oneDNN is not torch's and does not count either.

    Args:
        call: Called twice; the first call may set things up.
        device: Where it runs.
        reset: Called before the second call; frees what the first has left.
    """
    call()
    reset()
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with profile(
        activities=[ProfilerActivity.CPU], profile_memory=True
    ) as recorded:
        result = call()
    del result
    records: Any = recorded.profiler
    changes = sorted(
        (event.start_ns(), event.nbytes())
        for event in records.kineto_results.events()
        if event.name() == '[memory]'
    )
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most
