"""What a check found: where, what is wrong, and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ['Collector', 'Finding', 'errors_of', 'told']

SHOWN = 5  # places of one kind in a message; a report has all


@dataclass(frozen=True)
class Finding:
    """One kind of fault in one file.

    Attributes:
        file (str): Path of the annotation file, picture or video; '' for the
            config itself.
        places (tuple[str, ...]): Where in it, such as 'line 3' or
            'annotation 12'; empty where all of it is meant.
        what (str): What is wrong.
        way_out (str): What to do.
        severity (str): 'error' where training or its evaluation fails or
            learns something wrong, else 'warning'.
    """

    file: str
    places: tuple[str, ...]
    what: str
    way_out: str
    severity: str = 'error'

    def __str__(self) -> str:
        parts = [self.file or 'config', _shortened(self.places), self.what]
        text = ': '.join(part for part in parts if part)
        return f'{text}. {self.way_out}' if self.way_out else text


def _shortened(places: Sequence[str]) -> str:
    more = len(places) - SHOWN
    listed = ', '.join(places[:SHOWN])
    return f'{listed} and {more:,} more' if more > 0 else listed


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Those that are no mere warnings."""
    return [f for f in findings if f.severity == 'error']


def told(findings: Iterable[Finding]) -> str:
    """One line per finding."""
    return '\n'.join(f'  {f.severity}: {f}' for f in findings)


class Collector:
    """Collects the places of faults in a file, and gives a finding per kind.

    Args:
        file: The file.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._places: dict[tuple[str, str, str], list[str]] = {}

    def error(self, what: str, way_out: str = '', place: str = '') -> None:
        """Note an error, at a place or of the whole file."""
        self._note('error', what, way_out, place)

    def warning(self, what: str, way_out: str = '', place: str = '') -> None:
        """Note what may be meant, and often is not."""
        self._note('warning', what, way_out, place)

    def _note(self, severity: str, what: str, way_out: str, at: str) -> None:
        places = self._places.setdefault((severity, what, way_out), [])
        if at:
            places.append(at)

    def count(self, what: str) -> int:
        """Number of places that have the fault ``what``."""
        return sum(
            max(len(places), 1)
            for (_, text, _), places in self._places.items()
            if text == what
        )

    def findings(self) -> list[Finding]:
        """One per kind, errors first."""
        return sorted(
            (
                Finding(self.file, tuple(places), what, way_out, severity)
                for (severity, what, way_out), places in self._places.items()
            ),
            key=lambda finding: finding.severity,
        )
