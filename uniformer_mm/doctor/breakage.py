"""What a known breakage is: its symptom, its check and its advice."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from uniformer_mm.doctor.installation import AUTOLOAD, Facts
from uniformer_mm.doctor.releases import misfits, release
from uniformer_mm.undeclared import wanted
from uniformer_mm_autoload import ENV_SWITCH

__all__ = ['Breakage', 'is_seen', 'why_off']


@dataclass(frozen=True)
class Breakage:
    """One known breakage.

    Attributes:
        name: What it is about, as the report calls it.
        advice: The sentence with the fix. ``{reason}`` and ``{remedy}`` are
            filled in from :func:`why_off`, ``{torch}`` is torch's version,
            ``{misfits}`` are those of :func:`~.releases.misfits`,
            ``{wanted}`` is what some stock models lack.
        symptom: Regular expression of the errors that it explains.
        holds: The check; None means that an error matches ``symptom``.
        is_problem: False if it is only worth knowing.
    """

    name: str
    advice: str
    symptom: str = ''
    holds: Callable[[Facts], bool] | None = None
    is_problem: bool = True

    def find(self, facts: Facts) -> str:
        """Return the advice, ``''`` where the breakage does not occur."""
        check = self.holds or partial(is_seen, symptom=self.symptom)
        return self.text(facts) if check(facts) else ''

    def text(self, facts: Facts) -> str:
        """Return the advice, for whoever knows that the breakage occurs."""
        reason, remedy = why_off(facts)
        return self.advice.format(
            reason=reason,
            remedy=remedy,
            torch=facts.versions.get('torch', ''),
            misfits='; '.join(misfits(facts.versions, facts.python)),
            wanted=', '.join(wanted(facts.versions)),
        )


def is_seen(facts: Facts, symptom: str) -> bool:
    """Return whether one of the errors matches a regular expression."""
    return any(re.search(symptom, error) for error in facts.errors.values())


def why_off(facts: Facts) -> tuple[str, str]:
    """Say why no missing module can be replaced, and what changes that.

    Returns:
        tuple[str, str]: Reason and remedy; both ``''`` where they are on.
    """
    if facts.env.get(ENV_SWITCH) == '0':
        return f'{ENV_SWITCH}=0', f'unset {ENV_SWITCH}'
    # torch reads the entry points at the value 1 alone.
    if facts.env.get(AUTOLOAD, '1') != '1':
        return f'{AUTOLOAD}={facts.env[AUTOLOAD]}', f'unset {AUTOLOAD}'
    torch = facts.versions.get('torch', '')
    if torch and release(torch) < (2, 5):
        return f'torch {torch} reads no entry points', 'use torch >= 2.5'
    if not facts.entry_point:
        return 'no entry point', 'install uniformer_mm with pip'
    return '', ''
