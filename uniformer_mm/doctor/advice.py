"""What the installation has to do with an error, in the words of ``doctor``.

For the errors that a user meets first: an import of ours that fails says at
once what ``uniformer-mm doctor`` would.
"""

from __future__ import annotations

import platform
import re
import warnings
from dataclasses import replace

from uniformer_mm.doctor.breakages import KNOWN
from uniformer_mm.doctor.installation import (
    Facts,
    installed,
    installed_versions,
)
from uniformer_mm.doctor.releases import SUPPORTED, misfits

__all__ = ['advise', 'explain', 'warn_of_releases']


def explain(error: str, facts: Facts) -> tuple[str, str]:
    """Return name and advice of the breakage that explains an error.

    Args:
        error: Its type and text.
        facts: Where it was met.

    Returns:
        tuple[str, str]: Both ``''`` if none does, or there is no error.
    """
    for breakage in KNOWN:
        if breakage.symptom and re.search(breakage.symptom, error):
            advice = breakage.find(facts)
            if advice:
                return breakage.name, advice
    return '', ''


def advise(error: BaseException) -> str:
    """Return what to do about an error that was met here.

    Returns:
        str: The advice, ``''`` if the error is no known breakage.
    """
    text = f'{type(error).__name__}: {error}'
    facts = replace(installed(), errors={'': text})
    return explain(text, facts)[1]


def warn_of_releases() -> None:
    """Warn of each release that is too old or too new for the suite."""
    versions = installed_versions(SUPPORTED)
    for misfit in misfits(versions, platform.python_version()):
        warnings.warn(f'{misfit}.', RuntimeWarning, stacklevel=2)
