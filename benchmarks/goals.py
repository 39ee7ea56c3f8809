"""What the figures of a machine are wanted to be, and whether they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cases import (
    CLASSES,
    DETECTION,
    GPU_DTYPES,
    POSE,
    SEGMENTATION,
    Case,
)
from benchmarks.modes import BASELINE
from benchmarks.table import Row

__all__ = ['ON_CARDS', 'ON_CPUS', 'Goal', 'goal_table', 'is_card']


@dataclass(frozen=True)
class Goal:
    """A bound on one figure of one case.

    Args:
        case (Case): Of ours.
        mode (str): The form it is measured in.
        figure (str): 'times as fast' as the official formulation, 'memory' as
            a share of its, 'of a GEMM': the share of a matrix product's
            FLOP/s, or 'images/s': as a share of ``peer``'s in the same mode.
        bound (float): The least that is wanted; of 'memory' the most.
        peer (str): Model of timm's.
    """

    case: Case
    mode: str
    figure: str
    bound: float
    peer: str = ''

    def value(self, rows: Mapping[tuple[str, ...], Row]) -> float | None:
        """Return the figure by rows of ``by_case``; None: not measured."""
        row = find(rows, self.case.model, self.case, self.mode)
        other = self.peer or self.case.model
        beside = find(
            rows, other, self.case, self.mode if self.peer else BASELINE
        )
        if row is None:
            return None
        if self.figure == 'times as fast':
            return row.ratio_to_baseline
        if self.figure == 'of a GEMM':
            return row.flop_per_s / row.gemm_flop_per_s
        if beside is None:
            return None
        if self.figure == 'images/s':
            return row.images_per_s / beside.images_per_s
        if row.peak_mem_mib is None or beside.peak_mem_mib is None:
            return None
        return row.peak_mem_mib / beside.peak_mem_mib

    def reached(self, value: float) -> bool:
        """Whether ``value`` keeps to the bound."""
        most = self.figure == 'memory'
        return value <= self.bound if most else value >= self.bound


def _on_cards() -> Iterator[Goal]:
    for dtype in GPU_DTYPES:
        forward = Case('uniformer-s-h14', DETECTION, 1, 'forward', dtype)
        training = Case('uniformer-s-h14', DETECTION, 1, 'training', dtype)
        latency = Case('uniformer-s', CLASSES, 1, 'forward', dtype)
        yield Goal(forward, 'deployed', 'times as fast', 3.0)
        yield Goal(training, 'eager', 'times as fast', 2.0)
        yield Goal(training, 'eager', 'memory', 0.5)
        yield Goal(latency, 'deployed+cudagraphs', 'times as fast', 3.0)
        for shape in (SEGMENTATION, DETECTION):
            case = Case('uniformer-s', shape, 1, 'forward', dtype)
            yield Goal(case, 'compiled', 'images/s', 1.0, 'swin-t')


ON_CARDS = tuple(_on_cards())
ON_CPUS = (
    Goal(Case('uniformer-s', CLASSES, 1), 'deployed', 'of a GEMM', 0.8),
    Goal(Case('uniformer-s', POSE, 8), 'deployed', 'times as fast', 1.5),
)


def is_card(device: str) -> bool:
    """Whether ``device``, a name of ``machine.device_name``, is a GPU."""
    return device.startswith('NVIDIA')


def goal_table(
    rows: Sequence[Row], goals: Sequence[Goal]
) -> list[dict[str, str]]:
    """Return a line for each of ``goals``, by the rows of one machine."""
    by_case: dict[tuple[str, ...], Row] = {
        (*row.case[2:], row.mode): row for row in rows
    }
    return [describe(goal, goal.value(by_case)) for goal in goals]


def find(
    rows: Mapping[tuple[str, ...], Row], model: str, case: Case, mode: str
) -> Row | None:
    """Return the row of ``model`` at the input of ``case``, if there is."""
    batch = str(case.batch)
    return rows.get(
        (case.dtype, model, batch, case.shape_name, case.direction, mode)
    )


def describe(goal: Goal, value: float | None) -> dict[str, str]:
    """Return one line of the table."""
    case = goal.case
    words = 'at most' if goal.figure == 'memory' else 'at least'
    figure = f'{goal.figure} of {goal.peer}' if goal.peer else goal.figure
    return {
        'model': case.model,
        'input': f'{case.batch} x {case.shape_name}',
        'pass': case.direction,
        'dtype': case.dtype,
        'mode': goal.mode,
        'figure': figure,
        'wanted': f'{words} {goal.bound:g}',
        'measured': 'not measured' if value is None else f'{value:.2f}',
        'reached': (
            '' if value is None else 'yes' if goal.reached(value) else 'no'
        ),
    }
