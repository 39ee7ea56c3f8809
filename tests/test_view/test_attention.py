"""Attention computed again is the attention that the blocks computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.models import random_input
from tests.support.small import small
from uniformer_mm import deploy
from uniformer_mm.models.light_blocks import LEAST_SUM, in_order
from uniformer_mm.view import attention
from uniformer_mm.view.attention import attended, attention_map, flow
from uniformer_mm.view.blocks import attention_blocks
from uniformer_mm.view.recorded import Call, record

KINDS = ['conv_stem', 'layer_scale', 'video', 'split', 'light', 'light_video']


def calls_of(model: nn.Module, x: Tensor) -> tuple[dict[str, Call], Any]:
    """The calls of all attention blocks, and what their attentions gave."""
    blocks = attention_blocks(model)
    outputs: dict[nn.Module, Tensor] = {}
    handles = []
    for module in model.modules():
        if hasattr(module, 'qkv'):

            def keep(m: nn.Module, _: Any, y: Any) -> None:
                outputs[m] = y[0] if isinstance(y, tuple) else y

            handles.append(module.register_forward_hook(keep))
    calls = record(model, x, blocks)
    for handle in handles:
        handle.remove()
    return calls, outputs


def times_values(attn: Any, x: Tensor) -> Tensor:
    """All rows times the values, projected: (B, L, C) -> same."""
    _, _, v = attn.heads(x)
    length = x.shape[1]
    rows = torch.stack(
        [flow(attn, x, one.expand(len(x), -1)) for one in torch.eye(length)], 2
    )
    assert rows.sum(-1).allclose(torch.ones(()), atol=1e-5)
    # (B, heads, L, L) @ (B, heads, L, D) -> (B, L, C)
    mixed = (rows @ v).transpose(1, 2).flatten(2)
    return attn.proj(mixed)


@torch.no_grad()
@pytest.mark.parametrize('deployed', [False, True])
@pytest.mark.parametrize('kind', KINDS)
def test_weights_times_values_are_the_output(
    kind: str, deployed: bool
) -> None:
    model = small(kind)
    if deployed:
        deploy(model)
    calls, outputs = calls_of(model, random_input(kind, 1, 96, 64))
    assert len(calls) == 3
    for call in calls.values():
        block: Any = call.block
        pairs = [(block.attn, call.tokens)]
        if kind == 'split':
            assert call.over_time is not None
            pairs.append((block.t_attn, call.over_time))
        for attn, tokens in pairs:
            given = outputs[attn].flatten(1, -2)
            got = times_values(attn, tokens.flatten(1, -2))
            assert got.allclose(given, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(('size', 'filled'), [(2, False), (3, True)])
def test_windows(size: int, filled: bool) -> None:
    """With and without zeros that fill the last ones, and attend."""
    model = small('layer_scale', attention='window', window_size=size)
    # A map of 6 x 4 tokens.
    calls, outputs = calls_of(model, random_input('image', 1, 96, 64))
    call = calls['stage3.1']
    attn: Any = call.block.attn
    h, w = call.shape
    padded = torch.zeros(
        1, -h % size + h, -w % size + w, call.tokens.shape[-1]
    )
    padded[:, :h, :w] = call.tokens
    _, _, v = attn.heads(padded.flatten(1, 2))
    # (1, heads, L, D) -> (heads, rows, columns, D)
    v = v[0].unflatten(1, padded.shape[1:3])
    for token in range(h * w):
        y, x = divmod(token, w)
        found = attention_map(call, token)
        top, left = y // size * size, x // size * size
        inside = torch.zeros(h, w, dtype=torch.bool)
        inside[top : top + size, left : left + size] = True
        assert not found.weights[:, ~inside].any()
        assert (found.weights[:, inside] > 0).all()
        is_filled = left + size > w or top + size > h
        assert bool((found.elsewhere > 1e-4).all()) == is_filled
        # What fills has the bias as key and value: equal weights each.
        own = (found.weights[..., None] * v[:, :h, :w]).sum((1, 2))
        mixed = (
            own
            + found.elsewhere[:, None]
            * attn.heads(torch.zeros_like(call.tokens[0, :1, :1]))[2][0, :, 0]
        )
        given = outputs[attn][0, y, x]
        assert attn.proj(mixed.flatten()).allclose(given, atol=1e-5)
    assert filled == ((-h % size, -w % size) != (0, 0))


@torch.no_grad()
def test_zeros_that_fill_can_be_left_out() -> None:
    model = small('layer_scale', attention='window', window_size=3)
    calls, _ = calls_of(model, random_input('image', 1, 96, 64))
    call = calls['stage3.0']
    for one in torch.eye(24):
        whole = attended(call, one)
        valid = attended(call, one, padding=False)
        assert valid.sum(1).allclose(torch.ones(()), atol=1e-5)
        shares = whole / whole.sum(1, keepdim=True)
        assert valid.allclose(shares, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize('kind', ['light', 'light_video'])
def test_light_models(kind: str) -> None:
    """Tokens that are not kept share the row and the weight of one."""
    calls, _ = calls_of(small(kind), random_input(kind, 1, 96, 64))
    call = calls['stage3.1']
    assert call.scores is not None
    values, order = in_order(call.scores.flatten(1))
    values, order = values[0], order[0]
    number = len(order)
    kept, rest = order[: number // 2], order[number // 2 :]
    rows = attended(call, torch.eye(1 + number)[0])
    assert rows.sum(1).allclose(torch.ones(()), atol=1e-5)
    found = attention_map(call, None)
    assert found.kept is not None
    assert set(found.kept.flatten().nonzero()[:, 0].tolist()) == {
        *kept.tolist()
    }
    # The row of the class token, by the product of the block's own tokens.
    attn: Any = call.block.attn
    q, k, _ = attn.heads(call.tokens)
    own = (q[0, :, 0, None] * k[0] * attn.head_dim**-0.5).sum(-1).softmax(-1)
    flat = found.weights.flatten(1)
    assert flat[:, kept].allclose(own[:, 1:-1], atol=1e-6)
    shares = values[number // 2 :] / values[number // 2 :].sum().clamp_min(
        LEAST_SUM
    )
    assert flat[:, rest].allclose(own[:, -1:] * shares, atol=1e-6)
    assert found.elsewhere.allclose(own[:, 0], atol=1e-6)
    first, second = (attention_map(call, int(t)) for t in rest[:2])
    assert first.weights.equal(second.weights)
    assert not first.weights.equal(found.weights)
    assert attention_map(calls['stage3.0'], None).kept is None


@torch.no_grad()
def test_split_attention_over_space_then_time() -> None:
    calls, _ = calls_of(small('split'), random_input('split', 1, 64, 64))
    call = calls['stage3.0']
    _, height, width = call.shape
    block: Any = call.block
    assert call.over_time is not None

    def rows(attn: Any, x: Tensor) -> Tensor:
        q, k, _ = attn.heads(x)
        return (q @ k.mT * attn.head_dim**-0.5).softmax(-1)

    space = rows(block.attn, call.tokens)  # (T, heads, L, L)
    time = rows(block.t_attn, call.over_time).mean(1)  # (L, T, T)
    token = 1 * height * width + 5
    found = attention_map(call, token).weights.flatten(2)
    expected = torch.einsum('hl,lt->htl', space[1, :, 5], time[:, 1])
    assert found.allclose(expected, atol=1e-6)
    assert found.sum((1, 2)).allclose(torch.ones(()), atol=1e-5)


def test_few_weights_are_in_memory_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also in pieces, of rows and of windows."""
    calls, _ = calls_of(small('conv_stem'), random_input('image', 1, 96, 96))
    attn, tokens = calls['stage3.0'].block.attn, calls['stage3.0'].tokens
    torch.manual_seed(0)
    x = torch.cat([tokens.flatten(1, 2)] * 3) * torch.rand(3, 1, 1)
    start = torch.rand(3, x.shape[1])
    start[1] = 0
    with torch.no_grad():
        whole = flow(attn, x, start)
        assert not whole[1].any()
        largest = 0
        softmax: Callable[..., Tensor] = Tensor.softmax

        def measured(scores: Tensor, axis: int) -> Tensor:
            nonlocal largest
            largest = max(largest, scores.numel())
            return softmax(scores, axis)

        monkeypatch.setattr(Tensor, 'softmax', measured)
        monkeypatch.setattr(attention, 'AT_ONCE', 500)
        assert flow(attn, x, start).allclose(whole, atol=1e-6)
    assert 0 < largest <= 500


def test_other_models_have_no_class_token() -> None:
    calls, _ = calls_of(small('conv_stem'), random_input('image', 1, 64, 64))
    with pytest.raises(ValueError, match='no class token'):
        attention_map(calls['stage3.0'], None)
