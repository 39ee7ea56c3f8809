"""How much memory a process has, and how fast that grows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

__all__ = ['NOTE', 'STATM', 'resident', 'slope']

STATM = Path('/proc/self/statm')
PAGE = os.sysconf('SC_PAGE_SIZE') if hasattr(os, 'sysconf') else 0
NOTE = 'note'  # property of a test case in JUnit's XML


def resident(process: int | str = 'self') -> int:
    """Bytes of memory that a process has now."""
    path = Path(f'/proc/{process}/statm')
    return int(path.read_text().split()[1]) * PAGE


def slope(values: Sequence[float]) -> float:
    """By how much they grow from one to the next, by least squares."""
    return float(np.polyfit(np.arange(len(values)), values, 1)[0])
