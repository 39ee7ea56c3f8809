"""Budgets of the fuzz tests: few examples in CI, many at night."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How many times the examples of CI: `.ci/nightly` sets it.
FACTOR = int(os.environ.get('UNIFORMER_MM_FUZZ', '1'))
TRIED = 'tried'  # property of a test case in JUnit's XML
SECONDS = 20  # an example that takes longer hangs
MEMORY = 1 << 30  # bytes that an example of some kB may add, and a little more

Record = Callable[[str, object], None]


def examples(number: int) -> settings:
    """``number`` examples in CI, the same in each run; more, new, at night."""
    return settings(
        max_examples=number * FACTOR,
        deadline=None,
        derandomize=FACTOR == 1,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


class Count:
    """Counts examples, and tells JUnit's XML at the end."""

    def __init__(self) -> None:
        self.tried = 0

    def __call__(self) -> None:
        self.tried += 1


@pytest.fixture
def count(record_property: Record) -> Iterator[Count]:
    """Called once in each example."""
    counter = Count()
    yield counter
    record_property(TRIED, counter.tried)
    assert counter.tried, 'no example was tried'


@contextmanager
def bounded() -> Iterator[None]:
    """Fail where what is within hangs, or takes far more memory than given.

    Code in C is not interrupted: it fails as it ends.
    """

    def late(*_: object) -> None:
        raise AssertionError(f'it takes more than {SECONDS} s')

    before = peak()
    handler = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
    assert peak() - before < MEMORY, f'it takes {peak() - before >> 20} MiB'


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    unit = 1 if sys.platform == 'darwin' else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def assert_documented(error: Exception, *words: str) -> None:
    """It says what is wrong in a line that a user can print and act on.

    Args:
        error: What was raised.
        words: It must name one of these.
    """
    text = str(error)
    assert len(text) > 10, repr(error)
    assert len(text) < 5000, text[:200]
    assert re.sub(r'\s', ' ', text).isprintable(), text
    assert not words or any(word in text for word in words), repr(error)


def any_value(strategies: Any) -> Any:
    """Values of kinds that a user could give by mistake."""
    return strategies.one_of(
        strategies.none(),
        strategies.booleans(),
        strategies.integers(-3, 70),
        strategies.sampled_from([2**31, 2**63, -(2**70)]),
        strategies.floats(),
        strategies.text(max_size=4),
        strategies.binary(max_size=4),
        strategies.lists(strategies.integers(-2, 66), max_size=5),
        strategies.tuples(strategies.integers(-2, 66)),
        strategies.dictionaries(
            strategies.text(max_size=3), strategies.integers(), max_size=2
        ),
        strategies.builds(object),
    )
