from __future__ import annotations

import pytest
import torch

from uniformer_mm.models.layers import DropPath


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_drop_path_drops_whole_samples_at_its_rate(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = DropPath(0.3)
    out = layer(torch.ones(20_000, 2, 3, dtype=dtype))
    per_sample = out.flatten(1)
    assert torch.equal(per_sample.amin(1), per_sample.amax(1))
    kept = per_sample[:, 0] != 0
    # Three standard deviations of a binomial draw are 0.0097.
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.0097)
    torch.testing.assert_close(
        per_sample[kept][:, 0].unique(),
        torch.tensor([1 / 0.7], dtype=dtype),
    )


def test_drop_path_is_the_identity_in_eval_mode() -> None:
    x = torch.randn(4, 3)
    assert DropPath(0.9).eval()(x) is x
    assert DropPath(0.0)(x) is x
