"""Tokens of light models stay in their places, and the numbers the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.fast_runs import counted
from tests.support.small import small
from uniformer_mm import deploy, fast
from uniformer_mm.models.attention import Attention, ScoredAttention

SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    'random': lambda scores: scores,
    'equal': torch.ones_like,
    'equal in parts': lambda scores: (scores * 3).round(),
    'zero': torch.zeros_like,
    'not a number': lambda scores: scores.masked_fill(scores > 0.8, torch.nan),
}


def block_of(kind: str, index: int = 1) -> Any:
    return small(kind).blocks3[index]


def state(
    kind: str, size: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> list[Tensor]:
    """A map, a class token and scores; sizes are (N, H, W)."""
    torch.manual_seed(2)
    n, *side = size
    if kind == 'light_video':
        side = [2, *side]
    return [
        torch.randn(n, *side, 32, dtype=dtype).movedim(-1, 1),
        torch.randn(n, 1, 32, dtype=dtype),
        torch.rand(n, *side, dtype=dtype),
    ]


def run(call: Callable[..., Any], *args: Tensor) -> tuple[Any, Any, str]:
    """What ``call`` gives by fast forms and without, and who gave it."""
    with torch.no_grad(), fast.plain():
        expected = call(*args)
    with torch.no_grad(), counted() as count:
        got = call(*args)
    names = [name for name in ('shrink_block', 'full_block') if count[name]]
    return got, expected, ' '.join(names)


def assert_same(got: Any, expected: Any) -> None:
    for a, b in zip(got, expected, strict=True):
        assert a.shape == b.shape
        most = float(b.nan_to_num().abs().max()) if b.numel() else 0
        torch.testing.assert_close(
            a, b, rtol=0, atol=2e-6 * most, equal_nan=True
        )


@pytest.mark.parametrize('kind', ['light', 'light_scale', 'light_video'])
@pytest.mark.parametrize('deployed', [False, True])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('size', [(2, 5, 7), (1, 6, 4), (1, 1, 1), (0, 3, 3)])
def test_equal_the_plain_form(
    kind: str, deployed: bool, dtype: torch.dtype, size: tuple[int, ...]
) -> None:
    model = small(kind)
    if deployed:
        deploy(model)
    full, shrink = model.to(dtype).blocks3
    inputs = state(kind, size, dtype)
    before = [x.clone() for x in inputs]
    for block, count, name in (
        (full, 2, 'full_block'),
        (shrink, 3, 'shrink_block'),
    ):
        got, expected, form = run(block, *inputs[:count])
        assert form == name
        assert_same(got, expected)
        if size[0]:
            # The next convolution reads tokens as they lie in memory.
            assert got[0].movedim(1, -1).is_contiguous()
    assert all(map(torch.equal, inputs, before))


@pytest.mark.parametrize('name', list(SCORES))
def test_any_scores_choose_the_same_tokens(name: str) -> None:
    x, cls_token, scores = state('light', (2, 5, 7))
    got, expected, form = run(
        block_of('light'), x, cls_token, SCORES[name](scores)
    )
    assert form == 'shrink_block'
    assert_same(got, expected)


@pytest.mark.parametrize(
    'change',
    [
        lambda x, token, scores: (x, token, scores.flatten(1)),
        lambda x, token, scores: (x, token.double(), scores),
        lambda x, token, scores: (x, token, scores.double()),
        lambda x, token, scores: (x, token[:1], scores),
        lambda x, token, scores: (x, token, scores[:1]),
        lambda x, token, _: (x, token),
    ],
)
def test_other_states_get_what_is_written(change: Any) -> None:
    block, inputs = block_of('light'), change(*state('light', (2, 5, 7)))
    outcomes: list[Any] = []
    for off in (True, False):
        with torch.no_grad(), fast.plain(off), counted() as count:
            try:
                outcomes.append(block(*inputs))
            except (RuntimeError, TypeError) as error:
                outcomes.append((torch.tensor(list(str(error).encode())),))
        assert not count['shrink_block']
    assert_same(*reversed(outcomes))


def louder(self: Any, *args: Any) -> Any:
    return tuple(2 * x for x in Attention.heads(self, *args))


def patch_heads(block: Any, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        block.attn, 'heads', lambda x: louder(block.attn, x), raising=True
    )


def patch_class(_: Any, patch: pytest.MonkeyPatch) -> None:
    own = Attention.attend
    patch.setattr(
        ScoredAttention, 'attend', lambda self, *x: 2 * own(self, *x)
    )


def patch_update(block: Any, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(block, '_scale_update', lambda x, _: 2 * x)


def derive(block: Any, patch: pytest.MonkeyPatch) -> None:
    derived = type('Louder', (ScoredAttention,), {'heads': louder})
    patch.setattr(block.attn, '__class__', derived)


def hook(block: Any, _: pytest.MonkeyPatch) -> None:
    block.attn.proj_drop.register_forward_hook(lambda *args: 2 * args[-1])


def drop(block: Any, _: pytest.MonkeyPatch) -> None:
    block.attn.proj_drop = nn.Dropout(1.0)


def widen(block: Any, _: pytest.MonkeyPatch) -> None:
    block.gamma_1 = nn.Parameter(torch.full((1, 1), 3.0))


@pytest.mark.parametrize(
    'change',
    [patch_heads, patch_class, patch_update, derive, hook, drop, widen],
)
def test_what_a_user_changes_counts(
    change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    block, inputs = block_of('light_scale'), state('light', (2, 5, 7))
    before, _, form = run(block, *inputs)
    assert form == 'shrink_block'
    change(block, monkeypatch)
    got, expected, form = run(block, *inputs)
    assert not form
    assert_same(got, expected)
    assert not torch.allclose(got[0], before[0], atol=1e-3)


def test_its_settings_count() -> None:
    block, inputs = block_of('light'), state('light', (2, 5, 7))
    block.trade_off = 0.25
    got, expected, form = run(block, *inputs)
    assert form == 'shrink_block'
    assert_same(got, expected)
