"""The section on int8, and what it says of errors."""

from __future__ import annotations

import pytest
import torch

from benchmarks import int8
from benchmarks.int8_forms import FORMS, PT2E
from tools.csv_rows import read_columns


def test_the_section_is_of_the_tables() -> None:
    assert int8.main(['--check']) == 0
    rows = read_columns(int8.HERE / 'metrics.csv', int8.METRICS)
    found = {(row['runtime'], row['precision']) for row in rows}
    assert found == set(FORMS) - {PT2E}


def test_errors_are_relative() -> None:
    wanted = torch.tensor([3.0, -4.0])
    largest, rms = int8._error(torch.tensor([3.0, -2.0]), wanted)
    assert (largest, rms) == (pytest.approx(0.5), pytest.approx(0.4))
