"""Attention by oneDNN's products gives what torch's fused one gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.fast_runs import assert_close, counted
from uniformer_mm import fast
from uniformer_mm.fast import attention, linear
from uniformer_mm.models.attention import Attention

pytestmark = pytest.mark.skipif(
    not linear.AVAILABLE, reason='keys are packed on x86 alone'
)


@pytest.fixture(autouse=True)
def _it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, 'LEAST_TOKENS', 1)
    monkeypatch.setattr(attention, 'QUERIES', 4)
    monkeypatch.setattr(attention, 'mkl_lacks_avx512', lambda: True)
    for module in (attention, linear):
        monkeypatch.setattr(module, 'onednn_is_on', lambda _: True)


def model(**changes: Any) -> Attention:
    torch.manual_seed(0)
    made = Attention(16, 8, 0.0, 0.0).eval()
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('shape', [(2, 9, 16), (1, 3, 5, 16), (0, 4, 16)])
@pytest.mark.parametrize('most', [1, 9, 27, 200])
@torch.no_grad()
def test_maps_of_all_sizes(
    shape: tuple[int, ...],
    dtype: torch.dtype,
    most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attention, 'MOST_SCORES', most)
    layer, x = model().to(dtype), 3 * torch.randn(shape, dtype=dtype)
    with fast.plain():
        expected = layer(x)
    with counted() as count:
        got = layer(x)
    assert count['attend'] == 1
    half = dtype == torch.bfloat16
    assert_close(got.float(), expected.float(), 2e-2 if half else 1e-5)


def refused(layer: Attention, x: Tensor) -> bool:
    with counted() as count:
        layer(x)
    return count['attend'] == 0


def test_where_it_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(1, 9, 16)
    assert refused(model(), x)  # with gradients
    with torch.no_grad():
        assert not refused(model(), x)
        dropping = model(attn_drop_rate=0.5)
        assert not refused(dropping, x)
        assert refused(dropping.train(), x)
        # It wants scores in float32.
        assert refused(model(fp32=True).bfloat16(), x.bfloat16())
        assert refused(model().double(), x.double())
        monkeypatch.setattr(attention, 'mkl_lacks_avx512', lambda: False)
        assert refused(model(), x)


@torch.no_grad()
def test_one_of_a_users_own_is_called() -> None:
    class Mean(Attention):
        def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            del q, k
            return v.mean(2, keepdim=True).expand(v.shape).mT.flatten(1, 2).mT

    layer = Mean(16, 8, 0.0, 0.0).eval()
    x = torch.randn(2, 9, 16)
    with fast.plain():
        expected = layer(x)
    assert_close(layer(x), expected)
