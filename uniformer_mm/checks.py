"""Checks of arguments: pure functions, the caller's object stays as it is."""

from __future__ import annotations

__all__ = ['check_bool', 'check_count', 'check_number', 'check_rate']


def check_bool(name: str, value: object) -> None:
    """Raise ``TypeError`` unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f'{name} must be True or False, got {value!r}')


def check_number(name: str, value: object) -> None:
    """Raise ``TypeError`` unless ``value`` is an int or a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f'{name} must be a number, got {value!r}')


def check_count(name: str, value: object) -> None:
    """Raise unless ``value`` is an int of 1 or more.

    Raises:
        TypeError: It is not an int.
        ValueError: It is below 1.
    """
    if type(value) is not int:
        raise TypeError(f'{name} must be an int, got {value!r}')
    if value < 1:
        raise ValueError(f'{name} must be >= 1, got {value}')


def check_rate(name: str, value: float) -> None:
    """Raise unless ``value`` is a probability below 1.

    Raises:
        TypeError: It is not a number.
        ValueError: It lies outside [0, 1).
    """
    check_number(name, value)
    if not 0 <= value < 1:
        raise ValueError(f'{name} must lie in [0, 1), got {value}')
