"""Small random inputs for the models of each host, made as its data would be.

A module per host, with one function ``make(config, folder)``: it shrinks what
a config asks for (sizes of images in preprocessors, windows of tests), may
write files into ``folder``, and returns ``Batches``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ['Batches', 'NoInputError', 'dicts', 'short']


class Batches(NamedTuple):
    """What a data loader would give.

    Attributes:
        train: For one training step; None if the host has none.
        test: For one prediction.
        trains: The part of the model that is trained; '' for the whole.
    """

    train: Any
    test: Any
    trains: str = ''


class NoInputError(NotImplementedError):
    """A model takes what we can't make."""


def dicts(part: Any) -> Iterator[Any]:
    """All dicts in a config, from the outside in."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        for value in part:
            yield from dicts(value)


def short(kind: Any) -> str:
    """Name of a type without its scope."""
    return str(getattr(kind, '__name__', kind)).rpartition('.')[2]
