"""Windows at the border are attended without their padding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.support.fast_runs import assert_close, counted, step
from uniformer_mm import fast
from uniformer_mm.fast import windows
from uniformer_mm.models.attention import Attention

FORM = 'attend_in_windows'


def attention(**changes: float) -> Attention:
    torch.manual_seed(0)
    rates = {'attn_drop_rate': 0.0, 'drop_rate': 0.0, **changes}
    module = Attention(24, 8, **rates)
    nn.init.normal_(module.qkv.bias)  # else padding weighs next to nothing
    return module


class Sharp(Attention):
    def attend(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor
    ) -> torch.Tensor:
        return super().attend(2 * q, k, v)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize(
    'size', [(2, 6, 9), (1, 8, 5), (2, 5, 8), (3, 2, 3), (1, 1, 1), (0, 6, 9)]
)
def test_equals_the_plain_form(
    size: tuple[int, int, int], bias: bool, dtype: torch.dtype
) -> None:
    module = attention().to(dtype)
    if not bias:
        module.qkv.bias = None
    x = torch.randn(*size, 24, dtype=dtype)
    with torch.no_grad(), fast.plain():
        expected = module(x, 4)
    with torch.no_grad(), counted() as count:
        assert_close(module(x, 4), expected)
    assert count[FORM] == 1


def test_gradients_equal_the_plain_form() -> None:
    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = attention()
            self.x = nn.Parameter(torch.randn(2, 6, 9, 24))

        def forward(self, window_size: int) -> torch.Tensor:
            # Inputs of fast forms are no parameters.
            return self.attention(self.x * 1, window_size)

    model = Windows()
    with fast.plain():
        expected = step(model, 4)
    with counted() as count:
        got = step(model, 4)
    assert count[FORM] == 1
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=1e-4, atol=1e-5)


def test_dropout_of_the_output_draws_the_same_mask() -> None:
    module = attention(drop_rate=0.5).train()
    x = torch.randn(2, 6, 9, 24)
    outs = []
    for off in (True, False):
        torch.manual_seed(1)
        with fast.plain(off), counted() as count:
            outs.append(module(x, 4))
    assert count[FORM] == 1
    assert_close(*outs)


@pytest.mark.parametrize(
    'case',
    ['fits', 'global', 'half', 'autocast', 'dropout', 'method', 'class'],
)
def test_stays_away(case: str) -> None:
    module, size, x = attention(), 4, torch.randn(2, 6, 9, 24)
    if case == 'fits':
        size = 3
    elif case == 'global':
        size = None
    elif case == 'half':
        module, x = module.bfloat16(), x.bfloat16()
    elif case == 'dropout':
        module.attn_drop_rate = 0.5
    elif case == 'method':
        module.attend = Sharp.attend.__get__(Sharp(24, 8, 0.0, 0.0))
    elif case == 'class':
        module.__class__ = Sharp
    outs = []
    for off in (True, False):
        torch.manual_seed(1)
        with (
            torch.autocast('cpu', enabled=case == 'autocast'),
            fast.plain(off),
            counted() as count,
        ):
            outs.append(module.train()(x, size))
    assert not count[FORM]
    assert torch.equal(*outs)


def test_padding_is_not_projected(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []

    def spy(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(x.shape))
        return layer(x)

    monkeypatch.setattr(windows, 'call', spy)
    attention()(torch.randn(2, 6, 9, 24), 4)
    assert shapes == [(2 * 6 * 9, 24), (2, 6, 9, 24)]
