"""What an exported file is judged by."""

from __future__ import annotations

import pytest

from uniformer_mm.exporting.parity import Case, Report

NOISE = Case((1, 3, 64, 64), False, {'boxes': (9.0, 0.9)}, 10, 5)
PICTURE = Case((1, 3, 64, 64), True, {'boxes': (1.0, 0.1)}, 10, 9)


@pytest.mark.parametrize(
    ('precision', 'cases', 'error', 'agreement'),
    [
        ('fp32', [NOISE, PICTURE], 0.9, 0.7),
        ('int8', [NOISE, PICTURE], 0.1, 0.9),
        ('int8', [NOISE], 0.9, 0.5),
    ],
)
def test_int8_is_judged_by_pictures(
    precision: str, cases: list[Case], error: float, agreement: float
) -> None:
    report = Report('a', 'detection', 'onnx', precision, 0.5, 0.8, cases)
    assert (report.error, report.agreement) == (error, agreement)
    assert bool(report.failures) == (error > 0.5)
