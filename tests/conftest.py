"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from tests.golden_cases import GoldenCase


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> GoldenCase:
    """The case named by indirect parametrization."""
    return GoldenCase(request.param)


@pytest.fixture
def use_threads() -> Iterator[Callable[[int], None]]:
    """Sets torch's number of threads, for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
