"""Attention of inference on a CPU by oneDNN's products.

torch's fused attention multiplies through MKL: without AVX-512 on AMD's
processors, and in bf16 without its instructions where there is no AMX. Scores
of some queries at a time are products like others, and fit into a cache.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.fast.forms import fast_form
from uniformer_mm.fast.linear import (
    AVAILABLE,
    multiply_by,
    onednn_is_on,
    pack_weight,
)
from uniformer_mm.fast.processor import mkl_lacks_avx512

__all__ = [
    'LEAST_TOKENS',
    'attend',
    'attend_by_head',
    'attending_by_head_pays',
]

# Of float32: keys and values are packed for each head, which pays with many
# queries alone.
LEAST_TOKENS = 2048
QUERIES = 128  # at a time, of one head in float32
MOST_SCORES = 2**22  # at a time in bf16: 8 MiB


@fast_form('attend', grad=False, needs={})
def attend(attention: Any, q: Tensor, k: Tensor, v: Tensor) -> Any:
    """3 x (B, heads, L, D) -> (B, L, C)."""
    if attention.training and attention.attn_drop_rate:
        return NotImplemented
    if q.dtype == torch.bfloat16 and not attention.fp32 and onednn_is_on(q):
        return _in_bf16(q, k, v)
    if attending_by_head_pays(q):
        return attend_by_head(q, k, v)
    return NotImplemented


def attending_by_head_pays(q: Tensor) -> bool:
    """Whether ``attend_by_head`` may and should be used."""
    return (
        q.shape[2] >= LEAST_TOKENS
        and q.dtype == torch.float32
        and onednn_is_on(q)
        and AVAILABLE
        and mkl_lacks_avx512()
    )


def _in_bf16(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    b, heads, length, dim = q.shape
    # 3 x (B, heads, L, D) -> 3 x (B * heads, L, D)
    q, k, v = (x.reshape(-1, length, dim) for x in (q, k, v))
    y = torch.empty_like(v)
    none = q.new_zeros(1, 1, 1)
    most = max(1, MOST_SCORES // max(1, length))  # queries at a time
    together = max(1, most // max(1, length))  # heads at a time
    for some, keys, values, out in zip(
        *(_split(x, together) for x in (q, k, v, y)), strict=True
    ):
        for part, into in zip(
            _split(some, most, 1), _split(out, most, 1), strict=True
        ):
            scores = torch.baddbmm(
                none, part, keys.mT, beta=0, alpha=dim**-0.5
            )
            into.copy_(torch.bmm(scores.softmax(-1), values))
    # (B * heads, L, D) -> (B, heads, L, D) -> (B, L, C)
    return y.view(b, heads, length, dim).transpose(1, 2).flatten(2)


def attend_by_head(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """3 x (B, heads, L, D) -> (B, L, C)."""
    b, heads, length, dim = q.shape
    y = q.new_empty(b, length, heads, dim)
    q = q * dim**-0.5
    for i, j in product(range(b), range(heads)):
        # A linear layer whose weight are the keys, and one of the values.
        keys = pack_weight(k[i, j].contiguous(), QUERIES)
        values = pack_weight(v[i, j].mT.contiguous(), QUERIES)
        queries = _split(q[i, j].contiguous(), QUERIES)
        for some, out in zip(
            queries, _split(y[i, :, j], QUERIES), strict=True
        ):
            scores = multiply_by(keys, some, None)
            out.copy_(multiply_by(values, scores.softmax(-1), None))
    return y.flatten(2)


def _split(x: Tensor, size: int, dim: int = 0) -> tuple[Tensor, ...]:
    return x.split(size, dim)  # type: ignore[no-untyped-call]
