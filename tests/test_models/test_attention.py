from __future__ import annotations

import pytest
import torch
from torch import Tensor

from uniformer_mm import fast
from uniformer_mm.models.attention import (
    Attention,
    ScoredAttention,
    merge_windows,
    split_windows,
)


def attend_by_definition(module: Attention, tokens: Tensor) -> Tensor:
    """Softmax(q k^T / sqrt(D)) v, one head at a time; (L, C) -> (L, C)."""
    q, k, v = module.qkv(tokens).chunk(3, dim=-1)
    d = module.head_dim
    heads = []
    for i in range(0, tokens.shape[-1], d):
        scores = q[:, i : i + d] @ k[:, i : i + d].T * d**-0.5
        heads.append(scores.softmax(-1) @ v[:, i : i + d])
    return module.proj(torch.cat(heads, -1))


@pytest.fixture
def module() -> Attention:
    torch.manual_seed(0)
    return Attention(24, 8, attn_drop_rate=0.0, drop_rate=0.0).double()


def test_global_attention_is_the_definition(module: Attention) -> None:
    x = torch.randn(2, 3, 5, 24, dtype=torch.float64)
    out = module(x, None)
    for image, got in zip(x, out, strict=True):
        expected = attend_by_definition(module, image.reshape(15, 24))
        torch.testing.assert_close(got.reshape(15, 24), expected)


@pytest.mark.parametrize('size', [(6, 8), (5, 7), (3, 2)])
@pytest.mark.parametrize('plain', [False, True])
def test_window_attention_is_the_definition_on_padded_windows(
    module: Attention, size: tuple[int, int], plain: bool
) -> None:
    h, w = size
    x = torch.randn(2, h, w, 24, dtype=torch.float64)
    with fast.plain(plain):
        out = module(x, 4)
    assert out.shape == x.shape
    padded = torch.zeros(2, -(-h // 4) * 4, -(-w // 4) * 4, 24).double()
    padded[:, :h, :w] = x
    for n in range(2):
        for top in range(0, h, 4):
            for left in range(0, w, 4):
                window = padded[n, top : top + 4, left : left + 4]
                expected = attend_by_definition(
                    module, window.reshape(16, 24)
                ).view(4, 4, 24)[: h - top, : w - left]
                torch.testing.assert_close(
                    out[n, top : top + 4, left : left + 4], expected
                )


@pytest.mark.parametrize('window', [1, 3, 14])
def test_merging_undoes_splitting(window: int) -> None:
    x = torch.randn(2, 7, 10, 3)
    windows = split_windows(x, window)
    rows, cols = -(-7 // window), -(-10 // window)
    assert windows.shape == (2, rows, cols, window, window, 3)
    assert torch.equal(merge_windows(windows, 7, 10), x)


def test_scores_are_the_first_tokens_weights(module: Attention) -> None:
    x = torch.randn(2, 7, 24, dtype=torch.float64)
    scored = ScoredAttention(24, 8, 0.0, 0.0).double()
    scored.load_state_dict(module.state_dict())
    out, scores = scored(x)
    torch.testing.assert_close(out, module(x))
    q, k, _ = module.qkv(x).chunk(3, dim=-1)
    for n in range(2):
        rows = [
            (q[n, :1, i : i + 8] @ k[n, :, i : i + 8].T * 8**-0.5).softmax(-1)
            for i in range(0, 24, 8)
        ]
        torch.testing.assert_close(scores[n], torch.cat(rows).mean(0))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_scores_are_float32_under_autocast(dtype: torch.dtype) -> None:
    module = ScoredAttention(24, 8, attn_drop_rate=0.0, drop_rate=0.0)
    x = torch.randn(2, 7, 24)
    expected = module(x)[1]
    with torch.autocast('cpu', dtype=dtype):
        out, scores = module(x)
    assert out.dtype == dtype
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores.sum(1), torch.ones(2))
    torch.testing.assert_close(scores, expected, atol=0.01, rtol=0.05)


def test_dropout_of_the_weights_is_for_training_only() -> None:
    module = Attention(8, 8, attn_drop_rate=0.5, drop_rate=0.0)
    x = torch.randn(1, 4, 4, 8)
    assert not torch.equal(module(x, None), module(x, None))
    module.eval()
    assert torch.equal(module(x, None), module(x, None))
