"""The lines of the tables that ``benchmarks.report`` writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from benchmarks.cases import IMAGE_GROWTH, VIDEO_GROWTH
from benchmarks.growth import LAST, cost_points, exponent, growth_rows
from benchmarks.modes import BASELINE, MODES
from benchmarks.table import Row

__all__ = [
    'FORMS',
    'against_baseline',
    'against_official',
    'against_peers',
    'exponents',
    'share_of_memory',
]

# Of ours and of peers, the columns of the summary.
FORMS = tuple(dict.fromkeys((*MODES['cpu'][1:], *MODES['cuda'][1:])))


def against_official(forms: Mapping[str, Row]) -> dict[str, str]:
    """Return a line of the summary: ours beside the official formulation."""
    official = forms[BASELINE]
    return {
        'model': official.model,
        'input': f'{official.batch} x {official.shape}',
        'pass': official.direction,
        'dtype': official.dtype,
        'official (ms)': milliseconds(official),
        **{
            f'{mode}, times as fast': (
                f'{forms[mode].ratio_to_baseline:.2f}' if mode in forms else ''
            )
            for mode in FORMS
        },
        'memory of eager': share_of_memory(forms),
    }


def share_of_memory(forms: Mapping[str, Row]) -> str:
    """Return the peak of eager over that of the baseline."""
    peaks = [
        forms[mode].peak_mem_mib if mode in forms else None
        for mode in ('eager', BASELINE)
    ]
    if peaks[0] is None or peaks[1] is None:
        return ''
    return f'{peaks[0] / peaks[1]:.2f}'


def against_baseline(row: Row) -> dict[str, str]:
    """Return a line of the table that has the baseline in it."""
    return {
        'model': row.model,
        'input': f'{row.batch} x {row.shape}',
        'dtype': row.dtype,
        'mode': row.mode,
        'ms': milliseconds(row),
        'times as fast': f'{row.ratio_to_baseline:.2f}',
        'MiB': '' if row.peak_mem_mib is None else f'{row.peak_mem_mib:.0f}',
        'of a GEMM': f'{row.flop_per_s / row.gemm_flop_per_s:.2f}',
    }


def against_peers(row: Row) -> dict[str, str]:
    """Return a line of the table that has peers in it."""
    return {
        'input': f'{row.batch} x {row.shape}',
        'dtype': row.dtype,
        'model': row.model,
        'mode': row.mode,
        'ms': milliseconds(row),
        'images/s': f'{row.images_per_s:.3g}',
        'MiB': '' if row.peak_mem_mib is None else f'{row.peak_mem_mib:.0f}',
        'GFLOPs': f'{row.flops / row.batch / 1e9:.1f}',
    }


def milliseconds(row: Row) -> str:
    """Median and spread."""
    spread = float(f'{row.iqr_s * 1e3:.2g}')
    return f'{row.median_s * 1e3:.4g} ± {spread:g}'


def exponents(rows: Sequence[Row]) -> Iterator[dict[str, str]]:
    """Yield the lines of the table of growth."""
    chosen = growth_rows(rows)
    for model, mode in product(
        (*IMAGE_GROWTH, *VIDEO_GROWTH), ('eager', BASELINE)
    ):
        times, memory = (
            cost_points(chosen, model, mode, what)
            for what in ('seconds', 'MiB')
        )
        slopes = exponent(times), exponent(memory)
        if slopes[0] is None:
            continue
        yield {
            'model': model,
            'mode': mode,
            'with': 'pixels' if model in IMAGE_GROWTH else 'frames',
            'from': f'{times[-LAST][0]:.0f}',
            'to': f'{times[-1][0]:.0f}',
            'exponent of time': f'{slopes[0]:.2f}',
            'of memory': '' if slopes[1] is None else f'{slopes[1]:.2f}',
        }
