"""Attention in float32, where half precision overflows.

On a CPU the products of fused attention are summed in float32, so a GPU's
overflow is made where the CPU has it too: in the projection to queries, keys
and values, whose results are float16 under autocast.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.models import KINDS, every_kind
from tests.support.small import few_tokens, small, tensors_of
from uniformer_mm.models.attention import Attention


def outputs(model: Any, x: Tensor, dtype: torch.dtype | None) -> list[Tensor]:
    with torch.autocast('cpu', dtype, enabled=dtype is not None):
        return tensors_of(model(x))


@torch.no_grad()
def overflow(model: Any) -> None:
    """Scale queries and keys until float16 can't hold them."""
    for module in model.modules():
        if isinstance(module, Attention):
            module.qkv.weight[: 2 * module.qkv.in_features] *= 1e6
            module.qkv.bias *= 0


@every_kind
@torch.no_grad()
def test_activations_that_overflow_float16(kind: str) -> None:
    plain, safe = (small(kind, attn_fp32=value) for value in (False, True))
    x = few_tokens(kind)
    # Without half precision nothing is different.
    pairs = zip(outputs(plain, x, None), outputs(safe, x, None), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    for model in (plain, safe):
        overflow(model)
    assert not all(y.isfinite().all() for y in outputs(plain, x, torch.half))
    assert all(y.isfinite().all() for y in outputs(safe, x, torch.half))


def test_it_is_float32_to_the_bit() -> None:
    attention = Attention(32, 16, 0.0, 0.0)
    attention.fp32 = True
    overflow(attention)
    x = torch.randn(2, 9, 32)
    results = []
    for enabled in (True, False):
        attention.zero_grad()
        with torch.autocast('cpu', torch.half, enabled=enabled):
            y = attention(x)
        y.square().sum().backward()
        results.append([y, *(p.grad for p in attention.parameters())])
    assert all(map(torch.equal, *results))
    assert results[0][0].dtype == torch.float32


def test_a_derived_forward_runs_once() -> None:
    class Doubled(Attention):
        def forward(self, *args: Any) -> Tensor:
            return 2 * super().forward(*args)

    attention, doubled = (
        cls(32, 16, 0.0, 0.0) for cls in (Attention, Doubled)
    )
    doubled.load_state_dict(attention.state_dict())
    x = torch.randn(2, 9, 32)
    for module in (attention, doubled):
        module.fp32 = True
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(doubled(x), 2 * attention(x))


def test_weights_of_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries and keys of 300, whose products are more than 65504."""
    attention = Attention(16, 16, 0.0, 0.0).half()
    q = k = torch.full((1, 1, 4, 16), 300.0, dtype=torch.half)
    v = torch.rand(1, 1, 4, 16).half()

    def as_a_gpu(q: Tensor, k: Tensor, v: Tensor, dropout_p: float) -> Tensor:
        assert dropout_p == 0
        logits = q @ k.mT
        return logits.softmax(-1) @ v

    name = 'torch.nn.functional.scaled_dot_product_attention'
    monkeypatch.setattr(name, as_a_gpu)
    assert not attention.attend(q, k, v).isfinite().all()
    attention.fp32 = True
    got = attention.attend(q, k, v)
    assert got.dtype == torch.half
    assert got.isfinite().all()


def test_the_option_is_checked() -> None:
    cls = KINDS['image'][0]
    with pytest.raises(TypeError, match='attn_fp32 must be True or False'):
        cls('small', attn_fp32=1)
