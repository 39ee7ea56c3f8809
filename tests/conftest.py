"""Fixtures shared by all tests."""

from __future__ import annotations

import pytest

from tests.golden_cases import GoldenCase


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> GoldenCase:
    """The case named by indirect parametrization."""
    return GoldenCase(request.param)
