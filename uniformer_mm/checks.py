"""Checks of arguments: pure functions, the caller's object stays as it is.

An error names the argument, the rule and what came: ``TypeError`` where that
is of the wrong type, ``ValueError`` where it breaks the rule.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

__all__ = [
    'check_bool',
    'check_choice',
    'check_count',
    'check_int',
    'check_ints',
    'check_number',
    'check_numbers',
    'check_range',
    'check_rate',
]


def check_bool(name: str, value: object) -> None:
    """Raise ``TypeError`` unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f'{name} must be True or False, got {value!r}')


def check_choice(name: str, value: object, choices: Collection[Any]) -> None:
    """Raise ``ValueError`` unless ``value`` is one of ``choices``."""
    if value not in list(choices):
        raise ValueError(
            f'unknown {name} {value!r}; choose one of {list(choices)}'
        )


def check_int(
    name: str, value: object, low: int, high: float = math.inf
) -> None:
    """Raise unless ``value`` is an int from ``low`` to ``high``."""
    if type(value) is not int:
        raise TypeError(f'{name} must be an int, got {value!r}')
    _check_bounds(name, value, low, high)


def check_count(name: str, value: object) -> None:
    """Raise unless ``value`` is an int of 1 or more."""
    check_int(name, value, 1)


def check_ints(name: str, values: object, rule: str) -> None:
    """Raise ``TypeError`` unless ``values`` is a sequence of ints."""
    if (
        isinstance(values, bytes)
        or not isinstance(values, Sequence)
        or any(type(value) is not int for value in values)
    ):
        raise TypeError(f'{name} must be {rule}, got {values!r}')


def check_number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf
) -> None:
    """Raise unless ``value`` is an int or a float from ``low`` to ``high``."""
    if not _is_number(value):
        raise TypeError(f'{name} must be a number, got {value!r}')
    _check_bounds(name, value, low, high)


def check_rate(name: str, value: Any) -> None:
    """Raise unless ``value`` is a number in [0, 1)."""
    check_number(name, value)
    if not 0 <= value < 1:
        raise ValueError(f'{name} must lie in [0, 1), got {value}')


def check_numbers(name: str, values: object, length: int) -> None:
    """Raise ``TypeError`` unless ``values`` are ``length`` numbers."""
    if (
        not isinstance(values, Sequence)
        or len(values) != length
        or not all(map(_is_number, values))
    ):
        raise TypeError(f'{name} must be {length} numbers, got {values!r}')


def check_range(name: str, values: Sequence[float]) -> None:
    """Raise unless ``values`` are a (low, high) with 0 < low <= high."""
    check_numbers(name, values, 2)
    low, high = values
    if not 0 < low <= high:
        raise ValueError(
            f'{name} must be (low, high) with 0 < low <= high, got {values}'
        )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_bounds(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        rule = f'lie in [{low}, {high}]' if high < math.inf else f'be >= {low}'
        raise ValueError(f'{name} must {rule}, got {value}')
