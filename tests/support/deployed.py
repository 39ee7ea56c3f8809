"""Outputs of deployed models beside those that they are to have."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tests.support.modes import run
from tests.support.small import few_tokens, relative_error

TOLERANCE = 1e-4


def outputs(model: nn.Module, given: str | Tensor) -> list[Tensor]:
    """Those of the input given, or of a small one of that kind."""
    x = few_tokens(given) if isinstance(given, str) else given
    return run('no_grad', model, x)


def assert_same(got: Any, expected: Any) -> None:
    assert relative_error(got, expected) <= TOLERANCE
