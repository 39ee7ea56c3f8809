"""The section on int8, and what it says of errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks import int8
from benchmarks.int8_forms import FORMS, PT2E
from benchmarks.table import write_csv
from tools.csv_rows import read_columns


def test_the_section_is_of_the_tables() -> None:
    assert int8.main(['--check']) == 0
    rows = read_columns(int8.HERE / 'metrics.csv', int8.METRICS)
    found = {(row['runtime'], row['precision']) for row in rows}
    assert found == set(FORMS) - {PT2E}


def test_rows_of_other_inputs_stay(tmp_path: Path) -> None:
    path, columns = tmp_path / 'a.csv', ('shape', 'ms')
    write_csv(path, columns, [('224x224', 1), ('32x32', 2), ('32x32', 3)])
    rows = int8.merged(path, columns, [('256x192', 4), ('32x32', 5)])
    assert rows == [('224x224', '1'), ('256x192', 4), ('32x32', 5)]


def test_errors_are_relative() -> None:
    wanted = torch.tensor([3.0, -4.0])
    largest, rms = int8._error(torch.tensor([3.0, -2.0]), wanted)
    assert (largest, rms) == (pytest.approx(0.5), pytest.approx(0.4))
