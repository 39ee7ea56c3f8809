"""Linear layers of inference on a CPU: packed weights, the same results."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.fast_runs import operations
from uniformer_mm.fast import linear, products
from uniformer_mm.fast.leaves import call
from uniformer_mm.models.layers import Mlp, pointwise

MULTIPLY = 'mkldnn::_linear_pointwise'
pytestmark = pytest.mark.skipif(
    not linear.AVAILABLE, reason='weights are packed on x86 alone'
)


@pytest.fixture
def _any_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, 'LEAST_TOKENS', 1)


def multiplications(run: Callable[[], Any]) -> int:
    with torch.no_grad():
        return operations(run)[MULTIPLY]


@pytest.mark.usefixtures('_any_tokens')
@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('shape', [(1, 8), (2, 3, 8), (2, 3, 5, 8)])
def test_tokens(shape: tuple[int, ...], bias: bool) -> None:
    layer = nn.Linear(8, 16, bias)
    for tokens in (torch.randn(shape), torch.randn(shape).mT.clone().mT):
        with torch.no_grad():
            torch.testing.assert_close(call(layer, tokens), layer(tokens))
        assert multiplications(partial(call, layer, tokens)) == 1


@pytest.mark.usefixtures('_any_tokens')
@pytest.mark.parametrize('ndim', [2, 3])
def test_maps(ndim: int) -> None:
    layer = pointwise(ndim, 8, 16)
    nchw = torch.randn(2, 8, *(3, 5, 7)[-ndim:])
    nhwc = nchw.movedim(1, -1).contiguous().movedim(-1, 1)
    for x, calls in ((nchw, 0), (nhwc, 1)):
        with torch.no_grad():
            got = call(layer, x)
        assert multiplications(partial(call, layer, x)) == calls
        torch.testing.assert_close(got, layer(x))
    assert got.movedim(1, -1).is_contiguous()
    alone = torch.randn(8, *(3, 5, 8)[-ndim:])  # a map without a batch
    with torch.no_grad():
        torch.testing.assert_close(call(layer, alone), layer(alone))


@pytest.mark.usefixtures('_any_tokens')
@pytest.mark.parametrize(
    'layer',
    [
        nn.Conv2d(8, 8, 3, padding=1),
        nn.Conv2d(8, 8, 1, stride=2),
        nn.Conv2d(8, 8, 1, padding=1),
        nn.Conv2d(8, 8, 1, groups=2),
        nn.Conv2d(8, 8, 3, padding='same', padding_mode='reflect'),
    ],
)
def test_other_convolutions_are_left_to_torch(layer: nn.Module) -> None:
    x = torch.randn(2, 8, 6, 5).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        assert torch.equal(call(layer, x), layer(x))
    assert multiplications(partial(call, layer, x)) == 0


@pytest.mark.usefixtures('_any_tokens')
def test_the_gelu_is_part_of_the_kernel() -> None:
    mlp, tokens = Mlp(8, 32, 0.0), torch.randn(5, 8)
    expected = mlp.fc2(F.gelu(mlp.fc1(tokens)))
    with torch.no_grad():
        torch.testing.assert_close(mlp(tokens), expected)
        count = operations(lambda: mlp(tokens))
    assert count[MULTIPLY] == 2
    assert count['aten::gelu'] == 0


@pytest.mark.usefixtures('_any_tokens')
def test_both_dropouts_stay() -> None:
    mlp, tokens = Mlp(8, 32, 0.0), torch.randn(5, 8)
    mlp.drop = nn.Threshold(0.05, 0.0)
    expected = mlp.drop(mlp.fc2(mlp.drop(mlp.act(mlp.fc1(tokens)))))
    with torch.no_grad():
        torch.testing.assert_close(mlp(tokens), expected)
    assert multiplications(lambda: mlp(tokens)) == 0


def test_few_tokens_do_not_pay_for_packing() -> None:
    layer = nn.Linear(8, 16)
    tokens = torch.randn(linear.LEAST_TOKENS, 8)
    assert multiplications(partial(call, layer, tokens)) == 1
    assert multiplications(partial(call, layer, tokens[1:])) == 0


@pytest.mark.usefixtures('_any_tokens')
def test_with_gradients_it_is_torch_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, 'mkl_lacks_avx512', lambda: False)
    layer, tokens = nn.Linear(8, 16), torch.randn(5, 8)
    assert operations(lambda: call(layer, tokens))[MULTIPLY] == 0


@pytest.mark.usefixtures('_any_tokens')
def test_a_bias_with_gaps() -> None:
    layer, tokens = nn.Linear(8, 16), torch.randn(5, 8)
    layer.bias = nn.Parameter(torch.randn(64)[::4])
    with torch.no_grad():
        torch.testing.assert_close(call(layer, tokens), layer(tokens))


def test_wrong_channels_get_the_error_of_torch() -> None:
    tokens: Tensor = torch.randn(linear.LEAST_TOKENS, 7)
    with torch.no_grad(), pytest.raises(RuntimeError, match='7 and 8x16'):
        call(nn.Linear(8, 16), tokens)


def test_fewer_tokens_pay_where_mkl_leaves_half_of_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer, tokens = nn.Linear(64, 256), torch.randn(128, 64)
    for lacks, calls in ((True, 1), (False, 0)):
        monkeypatch.setattr(linear, 'mkl_lacks_avx512', lambda x=lacks: x)
        assert multiplications(partial(call, layer, tokens)) == calls
        assert multiplications(partial(call, layer, tokens[1:])) == 0


@pytest.mark.usefixtures('_any_tokens')
@pytest.mark.parametrize(
    ('weight', 'calls'),
    [
        (torch.randn(8, 16).T, 1),
        # oneDNN would take a thousand times as long.
        (torch.randn(16, 16)[:, ::2], 0),
        (torch.randn(16, 1).expand(16, 8), 0),
    ],
)
def test_weights_in_other_orders_in_memory(weight: Tensor, calls: int) -> None:
    layer, tokens = nn.Linear(8, 16), torch.randn(5, 8)
    layer.weight = nn.Parameter(weight)
    with torch.no_grad():
        torch.testing.assert_close(call(layer, tokens), layer(tokens))
    assert multiplications(partial(call, layer, tokens)) == calls
