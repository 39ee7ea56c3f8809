"""How glibc hands out the memory of this process.

Other C libraries have no such function, and are left as they are.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

__all__ = ['keep_freed_memory', 'share_heap']

# Of mallopt: what is free at the top of the heap goes back to the system,
# large blocks are the system's own, and threads have heaps of their own.
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
NAMES = ('MALLOC_TRIM_THRESHOLD_', 'MALLOC_MMAP_MAX_', 'GLIBC_TUNABLES')


def keep_freed_memory() -> None:
    """Let freed memory stay with the process, which needs it again.

    A step of training takes and frees hundreds of MB, whose pages the system
    else clears and hands out anew each time. Left alone where a user has
    chosen, by the environment.
    """
    if not any(name in os.environ for name in NAMES):
        _mallopt(M_TRIM_THRESHOLD, -1)  # never
        _mallopt(M_MMAP_MAX, 0)


def share_heap() -> None:
    """Let all threads, of which Gradio starts many, use one heap.

    glibc gives each its own, and what is free in one is free for no other: a
    page then grows with each request.
    """
    _mallopt(M_ARENA_MAX, 1)


def _mallopt(option: int, value: int) -> None:
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(option, value)
