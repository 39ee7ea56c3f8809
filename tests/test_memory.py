"""A training on a CPU keeps the memory that it frees."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Any

import pytest

from uniformer_mm import memory

FAULTS = """
import resource, sys
import torch
from uniformer_mm.memory import keep_freed_memory

if sys.argv[1] == 'kept':
    keep_freed_memory()

def pages():
    torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

_, _, before, after = (pages() for _ in range(4))
print(after - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != 'glibc', reason='other C libraries have no way'
)
def test_pages_are_handed_out_once() -> None:
    env = {k: v for k, v in os.environ.items() if k not in memory.NAMES}
    faults = {
        word: int(
            subprocess.run(
                [sys.executable, '-c', FAULTS, word],
                env=env,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for word in ('kept', 'given back')
    }
    assert faults['kept'] < 64 < faults['given back']


@pytest.mark.parametrize('name', [None, *memory.NAMES])
def test_what_the_environment_says_stays(
    name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    class Library:
        def mallopt(self, *args: int) -> None:
            calls.append(args)

    def library(_: Any) -> Library:
        return Library()

    for each in memory.NAMES:
        monkeypatch.delenv(each, raising=False)
    if name is not None:
        monkeypatch.setenv(name, '1')
    monkeypatch.setattr(memory.ctypes, 'CDLL', library)
    memory.keep_freed_memory()
    assert len(calls) == (2 if name is None else 0)
