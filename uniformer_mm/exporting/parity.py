"""How far an exported file is from the host's model, and whether it passes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from uniformer_mm.exporting.latency import Latency

__all__ = ['LIMITS', 'Case', 'Error', 'ParityError', 'Report']


@dataclass(frozen=True)
class Error:
    """How far one output is from the host's.

    Attributes:
        largest (float): In the output's own unit.
        relative (float): The largest error over the largest value.
        rms (float): Root mean square of the error over that of the values.
    """

    largest: float
    relative: float
    rms: float


class Limit(NamedTuple):
    """What a precision is let pass.

    Attributes:
        measure (str): The field of ``Error`` that counts.
        error (float): The most of it.
        agreement (float): Least share of labels that are the same.
    """

    measure: str
    error: float
    agreement: float


# NOTE: the largest error of rounding grows with the number of values. Of masks
# it is that of one pixel at an edge, and reaches half of the range where 98 %
# of the pixels are on the same side.
LIMITS: Mapping[str, Limit] = {
    'fp32': Limit('relative', 1e-4, 0.99),
    'bf16': Limit('rms', 0.1, 0.9),
    'int8': Limit('rms', 0.3, 0.8),
}
"""Precision -> what it is let pass."""


@dataclass(frozen=True)
class Case:
    """One input that both were given.

    Attributes:
        shape (tuple[int]): Of the input.
        picture (bool): Whether it is of a picture, or noise.
        errors (dict): Output -> how far it is off.
        compared (int): Labels that were compared: pixels, keypoints, clips or
            boxes; 0 for backbones.
        agreed (int): How many of them were the same.
    """

    shape: tuple[int, ...]
    picture: bool
    errors: dict[str, Error]
    compared: int
    agreed: int


@dataclass(frozen=True)
class Report:
    """What all inputs together say of an exported file.

    Attributes:
        file (str): Name of the file.
        task (str): That of the file's card.
        format (str): A key of ``SUFFIXES``.
        precision (str): 'fp32', 'bf16' or 'int8'.
        tolerance (float): The largest ``error`` that is let pass.
        least_agreement (float): Least share of labels that are the same.
        cases (list[Case]): The inputs.
        latency (Latency | None): Of the first one.
    """

    file: str
    task: str
    format: str
    precision: str
    tolerance: float
    least_agreement: float
    cases: list[Case] = field(default_factory=list)
    latency: Latency | None = None

    @property
    def judged(self) -> list[Case]:
        """The inputs that count: all, of what is rounded pictures alone.

        In noise a trained model is sure of nothing, so that small errors give
        it other answers. Without pictures noise has to do.
        """
        pictures = [case for case in self.cases if case.picture]
        return (
            pictures if self.precision != 'fp32' and pictures else self.cases
        )

    @property
    def measure(self) -> str:
        """The field of ``Error`` that counts."""
        return LIMITS[self.precision].measure

    @property
    def error(self) -> float:
        """The largest of it; no number if there is one that is none."""
        found = [
            float(getattr(error, self.measure))
            for case in self.judged
            for error in case.errors.values()
        ]
        return math.nan if any(map(math.isnan, found)) else max(found)

    @property
    def agreement(self) -> float | None:
        """Share of labels that are the same; None where there are none."""
        compared = sum(case.compared for case in self.judged)
        agreed = sum(case.agreed for case in self.judged)
        return agreed / compared if compared else None

    @property
    def failures(self) -> list[str]:
        """Why it does not pass; empty if it does."""
        found = []
        # So that what is no number does not pass.
        if not self.error <= self.tolerance:
            found.append(
                f'the {self.measure} error {self.error:.2e} is above '
                f'{self.tolerance:.0e}'
            )
        agreement = self.agreement
        if self.task == 'backbone':
            return found
        if agreement is None:
            found.append(
                'nothing was found that could be compared: give pictures'
            )
        elif agreement < self.least_agreement:
            found.append(
                f'{agreement:.2%} of the labels agree, not '
                f'{self.least_agreement:.0%}'
            )
        seen = any(case.picture for case in self.cases)
        if found and agreement is not None and not seen:
            found.append('this was in noise: pictures say more, give some')
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as the report's json has it."""
        return asdict(self) | {
            'measure': self.measure,
            'error': self.error,
            'agreement': self.agreement,
            'failures': self.failures,
        }

    def save(self, path: Path) -> None:
        """Write it as json."""
        text = json.dumps(self.to_dict(), indent=2)
        path.write_text(text + '\n', encoding='utf-8')


class ParityError(ValueError):
    """An exported file does not give what the model gives.

    Attributes:
        report (Report): How far it is off.
    """

    def __init__(self, report: Report, path: Path) -> None:
        self.report = report
        super().__init__(
            f'{report.file} is off and was kept as {path}: '
            + '; '.join(report.failures)
        )
