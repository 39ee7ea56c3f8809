"""What the processor can do that decides which form is the fast one."""

from __future__ import annotations

import functools
from pathlib import Path

import torch

__all__ = ['has_bf16', 'mkl_lacks_avx512']


@functools.cache
def has_bf16() -> bool:
    """Whether an x86 processor multiplies bf16 by instructions of its own.

    oneDNN runs bf16 on others too, slower than float32.
    """
    tests = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    known = (getattr(torch.cpu, name, None) for name in tests)
    return any(test is not None and test() for test in known)


@functools.cache
def mkl_lacks_avx512() -> bool:
    """Whether MKL, behind ``torch.mm``, leaves half of the processor unused.

    It does on AMD's processors with AVX-512, which oneDNN uses.
    """
    try:
        maker = 'AuthenticAMD' in Path('/proc/cpuinfo').read_text(
            encoding='utf-8', errors='replace'
        )
    except OSError:
        maker = False
    return (
        maker
        and torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability() == 'AVX512'
    )
