"""How near its limit a model is."""

from __future__ import annotations

import pytest

from benchmarks import limits
from benchmarks.bounds import read_machine
from benchmarks.cases import Case


def test_a_row_has_the_limit_of_its_operations() -> None:
    machine = read_machine(limits.MACHINE)
    case = Case('uniformer-xxs', (64, 64), 1)
    # Without a compiler.
    row = limits.row(case, machine, 1, ('deployed', 'eager', 'eager'))
    named = dict(zip(limits.COLUMNS, row, strict=True))
    assert 0 < named['limit_s'] < named['deployed_s']
    assert named['flops'] > 1e7
    line = limits._line({name: str(x) for name, x in named.items()})
    share = named['limit_s'] / named['deployed_s']
    assert float(line['of it, deployed']) == pytest.approx(share, abs=0.01)
