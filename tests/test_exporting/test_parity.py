"""What an exported file is judged by."""

from __future__ import annotations

import math
from dataclasses import astuple

import pytest
import torch

from uniformer_mm.exporting.compare import _error
from uniformer_mm.exporting.parity import Case, Error, Report


def case(error: Error, *, picture: bool, agreed: int = 9) -> Case:
    none = Error(0.0, 0.0, 0.0)
    errors = {'masks': none, 'boxes': error, 'scores': none}
    return Case((1, 3, 64, 64), picture, errors, 10, agreed)


NOISE = case(Error(9.0, 0.9, 0.7), picture=False, agreed=5)
PICTURE = case(Error(6.0, 0.6, 0.1), picture=True)


@pytest.mark.parametrize(
    ('precision', 'cases', 'error', 'agreement'),
    [
        ('fp32', [NOISE, PICTURE], 0.9, 0.7),
        ('int8', [NOISE, PICTURE], 0.1, 0.9),
        ('int8', [NOISE], 0.7, 0.5),
        ('bf16', [NOISE, PICTURE], 0.1, 0.9),
    ],
)
def test_what_is_rounded_is_judged_by_pictures(
    precision: str, cases: list[Case], error: float, agreement: float
) -> None:
    report = Report('a', 'detection', 'onnx', precision, 0.5, 0.8, cases)
    assert (report.error, report.agreement) == (error, agreement)
    assert bool(report.failures) == (error > 0.5)
    in_noise = any('in noise' in text for text in report.failures)
    assert in_noise == (cases == [NOISE])


def test_what_is_no_number_fails() -> None:
    bad = case(Error(*[math.nan] * 3), picture=True)
    for cases in ([bad, PICTURE], [PICTURE, bad]):
        report = Report('a', 'backbone', 'onnx', 'int8', 0.5, 0.8, cases)
        assert math.isnan(report.error)
        assert report.failures


@pytest.mark.parametrize(
    ('got', 'error'),
    [
        # One pixel of an edge, and an output that is constant.
        ([1.0, 1.0, 0.4, 0.0], Error(0.6, 0.6, 0.6 / math.sqrt(3))),
        ([0.5, 0.5, 0.5, 0.5], Error(0.5, 0.5, 1 / math.sqrt(3))),
    ],
)
def test_errors_of_masks(got: list[float], error: Error) -> None:
    found = _error(torch.tensor(got), torch.tensor([1.0, 1.0, 1.0, 0.0]))
    assert astuple(found) == pytest.approx(astuple(error))
