from __future__ import annotations

import pytest
import torch

from uniformer_mm.models.stages import drop_path_rates


def test_rates_rise_linearly() -> None:
    rates = drop_path_rates(0.2, (3, 4, 8, 3))
    assert len(rates) == 18
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0.2)
    steps = torch.tensor(rates).diff()
    torch.testing.assert_close(steps, torch.full((17,), 0.2 / 17))
