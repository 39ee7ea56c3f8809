"""What the installation has to do with an error, in the words of ``doctor``.

For the errors that a user meets first: an import of ours that fails says at
once what ``uniformer-mm doctor`` would.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import replace

from uniformer_mm.doctor.breakages import KNOWN, RELEASES, TORCHVISION
from uniformer_mm.doctor.installation import Facts, installed
from uniformer_mm.doctor.releases import SUPPORTED

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
    """Warn of releases that do not fit the suite, or each other."""
    facts = installed((*SUPPORTED, 'torchvision'))
    for breakage in (RELEASES, TORCHVISION):
        advice = breakage.find(facts)
        if advice:
            warnings.warn(advice, RuntimeWarning, stacklevel=2)
