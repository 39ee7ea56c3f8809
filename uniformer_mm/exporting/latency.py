"""How long an exported file and the host's model take for one input."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

__all__ = ['Latency', 'measure']

ROUNDS = 5


@dataclass(frozen=True)
class Latency:
    """Medians over ``rounds``, in which both took turns.

    Attributes:
        shape (tuple[int]): Of the input.
        torch_ms (float): Of the host's model.
        file_ms (float): Of the exported file.
        rounds (int): How many.
        threads (int): Of the CPU, for both.
    """

    shape: tuple[int, ...]
    torch_ms: float
    file_ms: float
    rounds: int
    threads: int


def measure(
    host: Callable[[Tensor], Any], file: Callable[[Tensor], Any], x: Tensor
) -> Latency:
    """Measure both on one input."""
    runs = (host, file)
    times: list[list[float]] = [[], []]
    with torch.no_grad():
        for run in runs:
            run(x)  # the first call prepares
        for _ in range(ROUNDS):
            for run, taken in zip(runs, times, strict=True):
                start = time.perf_counter()
                run(x)
                taken.append(1000 * (time.perf_counter() - start))
    return Latency(
        tuple(x.shape),
        median(times[0]),
        median(times[1]),
        ROUNDS,
        torch.get_num_threads(),
    )
