"""Checks of arguments, and imports of what only the action extra brings."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

__all__ = [
    'check_numbers',
    'check_probability',
    'check_range',
    'import_extra',
]


def import_extra(module: str) -> Any:
    """Import a module that is not among our requirements.

    Raises:
        ImportError: It can't be imported; the message names our extra.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{module} is needed here and can not be imported ({error}); '
            "install what video needs: pip install 'uniformer_mm[action]'"
        ) from error


def check_numbers(name: str, values: object, length: int) -> None:
    """Raise ``TypeError`` unless ``values`` are ``length`` numbers."""
    if (
        not isinstance(values, Sequence)
        or len(values) != length
        or any(
            isinstance(v, bool) or not isinstance(v, (int, float))
            for v in values
        )
    ):
        raise TypeError(f'{name} must be {length} numbers, got {values!r}')


def check_probability(name: str, value: object) -> None:
    """Raise unless ``value`` is a number in [0, 1].

    Raises:
        TypeError: It is not a number.
        ValueError: It is out of range.
    """
    check_numbers(name, [value], 1)
    if not 0 <= value <= 1:  # type: ignore[operator]
        raise ValueError(f'{name} must lie in [0, 1], got {value}')


def check_range(name: str, values: Sequence[float]) -> None:
    """Raise unless ``values`` are a (low, high) with 0 < low <= high.

    Raises:
        TypeError: They are not two numbers.
        ValueError: They are not in that order.
    """
    check_numbers(name, values, 2)
    low, high = values
    if not 0 < low <= high:
        raise ValueError(
            f'{name} must be (low, high) with 0 < low <= high, got {values}'
        )
