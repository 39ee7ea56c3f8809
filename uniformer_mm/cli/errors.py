"""Errors of any kind as one line, for verbs with ``--debug``."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

__all__ = ['one_line', 'reported']


def reported(work: Callable[[], int], debug: bool) -> int:
    """Return what ``work`` returns, or 1 where it raised.

    What is wrong goes to stderr: as one line, with ``debug`` as a traceback.
    """
    try:
        return work()
    except Exception as error:
        if debug:
            traceback.print_exc()
        else:
            sys.stderr.write(f'uniformer-mm: {one_line(error)}\n')
        return 1


def one_line(error: Exception) -> str:
    """What is wrong, for people: with its kind where that is not ours."""
    text = str(error).strip() or type(error).__name__
    known = isinstance(error, (ImportError, OSError, TypeError, ValueError))
    return text if known else f'{type(error).__name__}: {text}'
