"""Plots of measurements, as SVG text that is the same for the same rows.

None where there is nothing to draw.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.cases import IMAGE_GROWTH, MODELS, VIDEO_GROWTH
from benchmarks.growth import cost_points, exponent, growth_rows
from benchmarks.table import Row

__all__ = ['accuracy_plot', 'growth_plot', 'size_plot', 'speed_plot']

# Modes of the front page's plot, what they are called there, their colors.
SPEED = {
    'baseline': ('official formulation', '#9aa5b1'),
    'eager': ('ours', '#4c9be8'),
    'deployed': ('ours, deployed', '#1f5fa8'),
    'compiled': ('ours, compiled', '#7bc47f'),
}


def growth_plot(rows: Iterable[Row]) -> str | None:
    """Plot time and memory of a forward pass against pixels and frames.

    Args:
        rows: Of one machine. One image or video in float32 is taken: squares,
            and clips of 224 x 224.
    """
    chosen = growth_rows(rows)
    figure = Figure(figsize=(10, 8), layout='constrained')
    images, videos = figure.subplots(2, 2)
    _draw_costs(images, chosen, IMAGE_GROWTH, exponents=True)
    _draw_costs(videos, chosen, VIDEO_GROWTH, exponents=True)
    return _svg(figure)


def size_plot(rows: Iterable[Row], batch: int, dtype: str) -> str | None:
    """Plot time and memory of a forward pass against pixels, ours and peers.

    Args:
        rows: Of one machine.
        batch: Images at once.
        dtype: One of ``DTYPES``.
    """
    chosen = [
        row
        for row in rows
        if (row.batch, row.direction, row.dtype) == (batch, 'forward', dtype)
        and row.mode == 'eager'
    ]
    images = [model for model in MODELS if model not in VIDEO_GROWTH]
    figure = Figure(figsize=(10, 4.5), layout='constrained')
    _draw_costs(figure.subplots(1, 2), chosen, images, exponents=False)
    return _svg(figure)


def _draw_costs(
    panels: Sequence[Axes],
    rows: Sequence[Row],
    models: Sequence[str],
    *,
    exponents: bool,
) -> None:
    """Draw time on the first panel, memory on the second."""
    for axes, what in zip(panels, ('seconds', 'MiB'), strict=True):
        for model, mode in product(models, ('eager', 'baseline')):
            points = cost_points(rows, model, mode, what)
            if len(points) < 2:
                continue
            slope = exponent(points) if exponents else None
            name = model if mode == 'eager' else f'{model}, official'
            axes.plot(
                *zip(*points, strict=True),
                '.-' if mode == 'eager' else '.:',
                label=name if slope is None else f'{name}: {slope:.2f}',
            )
        unit = 'frames' if models is VIDEO_GROWTH else 'pixels'
        axes.set(xscale='log', yscale='log', xlabel=unit, ylabel=what)
        axes.grid(which='both', alpha=0.3)
        if axes.lines:
            axes.legend(fontsize='small')


def accuracy_plot(
    rows: Iterable[Row],
    accuracy: Mapping[str, float],
    shape: str,
    batch: int,
    dtype: str,
) -> str | None:
    """Plot the published ImageNet accuracy against the measured latency.

    Args:
        rows: Of one machine.
        accuracy: Top-1 in percent by model, at 224 x 224.
        shape: Of the image.
        batch: Images at once.
        dtype: One of ``DTYPES``.
    """
    figure = Figure(figsize=(6, 4.5), layout='constrained')
    axes = figure.subplots()
    for row in rows:
        wanted = (shape, batch, 'forward', dtype, 'eager')
        if (
            row.model in accuracy
            and (row.shape, row.batch, row.direction, row.dtype, row.mode)
            == wanted
        ):
            point = (row.median_s * 1e3, accuracy[row.model])
            color = 'C0' if row.model.startswith('uniformer') else 'C7'
            axes.plot(*point, 'o', color=color)
            axes.annotate(
                row.model, point, xytext=(5, -3), textcoords='offset points'
            )
    axes.set_xlabel(f'milliseconds at {shape}, {batch} at once')
    axes.set_ylabel('ImageNet top-1 as published, percent')
    axes.margins(x=0.2)
    axes.grid(alpha=0.3)
    return _svg(figure)


def speed_plot(cases: Iterable[Mapping[str, Row]], title: str) -> str | None:
    """Plot the time of a call as a share of the official formulation's.

    Args:
        cases: Measurements by mode, each with that of the baseline.
        title: Says what they were made on.
    """
    figure = Figure(figsize=(9, 5.5), layout='constrained')
    axes = figure.subplots()
    ticks: dict[float, str] = {}
    y = 0.0
    for forms in cases:
        official = forms['baseline']
        shown = [mode for mode in SPEED if mode in forms]
        ticks[y + (len(shown) - 1) / 2] = (
            f'{official.model}\n{official.batch} x {official.shape}, '
            f'{official.direction}'
        )
        for mode in shown:
            row = forms[mode]
            share = row.median_s / official.median_s
            axes.barh(y, share, height=0.9, color=SPEED[mode][1])
            text = f'{row.median_s * 1e3:.0f} ms'
            if row is not official:
                text += f', {row.ratio_to_baseline:.1f} times as fast'
            axes.text(share + 0.01, y, text, va='center', fontsize='small')
            y += 1
        y += 0.8
    axes.set_yticks([*ticks], [*ticks.values()])
    axes.set(xlim=(0, 1.12), xlabel='time of a call, official formulation = 1')
    axes.invert_yaxis()
    axes.spines[['top', 'right']].set_visible(False)
    figure.suptitle(title, fontsize='medium')
    keys = [Patch(color=color, label=name) for name, color in SPEED.values()]
    figure.legend(handles=keys, loc='outside lower center', ncols=len(keys))
    return _svg(figure)


def _svg(figure: Figure) -> str | None:
    if not any(axes.has_data() for axes in figure.axes):
        return None
    buffer = io.StringIO()
    with mpl.rc_context({'svg.hashsalt': 'uniformer', 'svg.fonttype': 'none'}):
        figure.savefig(buffer, format='svg', metadata={'Date': None})
    lines = buffer.getvalue().splitlines()
    return '\n'.join(line.rstrip() for line in lines) + '\n'
