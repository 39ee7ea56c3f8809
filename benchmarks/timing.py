"""Timing of several calls side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ['Times', 'interleave', 'synchronizer']

Call = Callable[[], object]


@dataclass(frozen=True)
class Times:
    """The times of one call, in seconds, in the order they were taken."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median, seconds."""
        return float(np.median(self.seconds))

    @property
    def iqr(self) -> float:
        """Range of the middle half, seconds."""
        low, high = np.percentile(self.seconds, [25, 75])
        return float(high - low)


def interleave(
    calls: Mapping[str, Call],
    *,
    rounds: int,
    budget_s: float,
    warmup: int = 2,
    least: int = 3,
    synchronize: Call = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Times]:
    """Time every call once, then every call again: A B C A B C ...

    What drifts, such as a clock rate or a neighbour's load, then falls on all
    of them alike, so their ratios hold where single times do not.

    Args:
        calls: By name, in the order of a round.
        rounds: The most rounds, at least ``least``.
        budget_s: Seconds after which no further round begins, once there are
            ``least``.
        warmup: Rounds before that are not counted.
        least: The fewest rounds, >= 1.
        synchronize: Waits until the device is done.
        clock: Seconds.

    Returns:
        dict[str, Times]: By the names of ``calls``.

    Raises:
        ValueError: A count breaks its rule.
    """
    if least < 1 or rounds < least or warmup < 0:
        raise ValueError(
            'rounds must be at least `least`, that at least 1, and warmup at '
            f'least 0; got rounds={rounds}, least={least}, warmup={warmup}'
        )
    for _ in range(warmup):
        for call in calls.values():
            call()
    synchronize()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    start = clock()
    for i in range(rounds):
        if i >= least and clock() - start > budget_s:
            break
        for name, call in calls.items():
            before = clock()
            call()
            synchronize()
            taken[name].append(clock() - before)
    return {name: Times(tuple(seconds)) for name, seconds in taken.items()}


def synchronizer(device: torch.device) -> Call:
    """Return what waits for ``device``; nothing on a CPU."""
    if device.type == 'cuda':
        return lambda: torch.cuda.synchronize(device)
    return lambda: None
