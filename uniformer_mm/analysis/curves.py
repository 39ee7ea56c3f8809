"""Curves of trainings, drawn."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from uniformer_mm.analysis.training_log import Curve, TrainingLog

__all__ = ['draw_curves', 'sparkline']

COLUMNS = 3
BARS = '▁▂▃▄▅▆▇█'


def draw_curves(logs: Sequence[TrainingLog], keys: Sequence[str]) -> Figure:
    """Draw a panel for each key, with a line for each training that has it.

    Args:
        logs: At least one.
        keys: At least one; see ``TrainingLog.curves``.
    """
    columns = min(COLUMNS, len(keys))
    rows = -(-len(keys) // columns)
    figure = Figure((4.5 * columns, 3.2 * rows), layout='constrained')
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    lines = {}
    for panel, key in zip(panels, keys, strict=False):
        for i, log in enumerate(logs):
            curve = log.curves.get(key)
            if curve:
                few = len(curve.steps) < 20
                (lines[log.name],) = panel.plot(
                    curve.steps,
                    curve.values,
                    color=f'C{i}',
                    marker='.' if few else None,
                )
        found = [log.curves[key] for log in logs if key in log.curves]
        panel.set_title(key)
        panel.set_xlabel('iteration' if found[0].of_training else 'step')
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(color='0.9')
    for panel in panels[len(keys) :]:
        panel.set_visible(False)
    if len(logs) > 1:
        figure.legend(
            lines.values(), lines, loc='outside lower center', ncols=COLUMNS
        )
    return figure


def sparkline(curve: Curve, width: int = 24) -> str:
    """Write a curve as ``width`` bars at most; '!' is not finite."""
    number = min(width, len(curve.values))
    chosen = [
        curve.values[i * len(curve.values) // number] for i in range(number)
    ]
    finite = curve.finite or (0.0,)
    low, span = min(finite), max(finite) - min(finite) or 1.0
    return ''.join(
        BARS[round((value - low) / span * (len(BARS) - 1))]
        if value in finite
        else '!'
        for value in chosen
    )
