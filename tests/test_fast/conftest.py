"""The tests count on the size of a tile, which grows with the threads."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(autouse=True)
def _one_thread(use_threads: Callable[[int], None]) -> None:
    use_threads(1)
