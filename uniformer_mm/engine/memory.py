"""Memory of a process that computes on a CPU."""

from __future__ import annotations

import contextlib
import ctypes
import os

__all__ = ['keep_freed_memory']

# Of glibc's mallopt: what is free at the top of the heap goes back to the
# system, and large blocks are the system's own.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NAMES = ('MALLOC_TRIM_THRESHOLD_', 'MALLOC_MMAP_MAX_', 'GLIBC_TUNABLES')


def keep_freed_memory() -> None:
    """Let freed memory stay with the process, which needs it again.

    A step of training takes and frees hundreds of MB, whose pages the system
    else clears and hands out anew each time. Left alone where a user has
    chosen, by the environment; other C libraries have no such function.
    """
    if not any(name in os.environ for name in NAMES):
        with contextlib.suppress(AttributeError, OSError, TypeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_TRIM_THRESHOLD, -1)  # never
            mallopt(M_MMAP_MAX, 0)
