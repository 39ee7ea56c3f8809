"""Convolutions whose kernel is their stride are products, with its results."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from tests.support.fast_runs import assert_close, counted, shape_or_error
from uniformer_mm.fast import linear, patches
from uniformer_mm.fast.leaves import call
from uniformer_mm.models.layers import PatchEmbed

FORM = 'multiply_patches'
pytestmark = pytest.mark.skipif(
    not linear.AVAILABLE, reason='measured on x86 alone'
)


@pytest.fixture(autouse=True)
def _few_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, 'LEAST_WEIGHTS', 1)


def compare(
    layer: nn.Module, *shape: int, dtype: torch.dtype = torch.float32
) -> tuple[Any, Any, bool]:
    """What a layer gives, called fast and called; whether fast it was."""
    x = torch.randn(shape, dtype=dtype)
    x = x.movedim(1, -1).contiguous().movedim(-1, 1)
    with torch.no_grad(), counted() as count:
        return call(layer, x), layer(x), bool(count[FORM])


# Fewer patches than channels and more: either factor is turned over.
@pytest.mark.parametrize('out', [8, 96])
@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('ndim', [2, 3])
@pytest.mark.parametrize('last', [False, True])
def test_equals_the_convolution(
    ndim: int, out: int, bias: bool, last: bool
) -> None:
    torch.manual_seed(0)
    cls: Any = nn.Conv2d if ndim == 2 else nn.Conv3d
    kernel, sides = (1, 2, 3)[-ndim:], (3, 9, 11)[-ndim:]
    layer = cls(6, out, kernel, kernel, bias=bias)
    if last:
        formats = {2: torch.channels_last, 3: torch.channels_last_3d}
        layer.to(memory_format=formats[ndim])
    got, expected, was_fast = compare(layer, 2, 6, *sides)
    assert was_fast
    assert_close(got, expected)
    assert got.movedim(1, -1).is_contiguous()


@pytest.mark.parametrize(
    ('changes', 'shape'),
    [
        ({'stride': 3}, (2, 6, 9, 12)),
        ({'padding': 1}, (2, 6, 8, 12)),
        ({'dilation': 2}, (2, 6, 9, 12)),
        ({'groups': 2}, (2, 6, 8, 12)),
        ({'kernel_size': 1, 'stride': 1}, (2, 6, 8, 12)),
        ({'dtype': torch.float64}, (2, 6, 8, 12)),
        ({}, (0, 6, 8, 12)),
        ({}, (1, 6, 2, 2)),  # too few patches
        ({}, (1, 6, 80, 80)),  # too many
    ],
)
def test_all_else_is_left_to_torch(
    changes: dict[str, Any], shape: tuple[int, ...]
) -> None:
    settings = {'kernel_size': 2, 'stride': 2, **changes}
    layer = nn.Conv2d(6, 8, **settings)
    dtype = settings.get('dtype', torch.float32)
    got, expected, was_fast = compare(layer, *shape, dtype=dtype)
    assert not was_fast
    assert_close(got, expected)  # of 1x1 convolutions there is another form


def test_a_map_in_another_order_or_small_weights_do_not_pay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = nn.Conv2d(6, 8, 2, 2)
    with torch.no_grad(), counted() as count:
        call(layer, torch.randn(1, 6, 16, 16))
    assert not count[FORM]
    monkeypatch.setattr(patches, 'LEAST_WEIGHTS', layer.weight.numel() + 1)
    assert not compare(layer, 1, 6, 16, 16)[2]


@pytest.mark.parametrize(
    'shape', [(1, 6, 1, 20), (1, 5, 16, 16), (6, 16, 16), (6, 16, 6, 16, 1)]
)
def test_torch_tells_what_does_not_fit(shape: tuple[int, ...]) -> None:
    layer, x = nn.Conv2d(6, 8, 2, 2), torch.rand(shape)
    assert shape_or_error(partial(call, layer), x) == shape_or_error(layer, x)


def _prune(embed: Any) -> None:
    prune.random_unstructured(embed.proj, 'weight', 0.5)


def _hook(embed: Any) -> None:
    embed.proj.register_forward_hook(lambda _m, _x, y: 2 * y)


def _swap(embed: Any) -> None:
    class Doubled(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    embed.proj = Doubled(6, 8, 2, 2)


def _stride_bias(embed: Any) -> None:
    embed.proj.bias = nn.Parameter(torch.randn(16)[::2])


@pytest.mark.parametrize('edit', [_prune, _hook, _swap, _stride_bias])
def test_a_changed_layer_of_an_embedding_is_called(edit: Any) -> None:
    embed = PatchEmbed(2, 6, 8, 2, 1, 1).eval()
    x = torch.randn(1, 6, 16, 17).contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), counted() as count:
        embed(x)
        assert count[FORM] == 1
        edit(embed)
        got = embed(x)
        assert count[FORM] == 1
        assert torch.equal(got, PatchEmbed.forward.__wrapped__(embed, x))


@pytest.mark.parametrize('of', ['autocast', 'gradients', 'onednn'])
def test_no_product_under(of: str) -> None:
    embed = PatchEmbed(2, 6, 8, 2, 1, 1)
    x = torch.randn(1, 6, 16, 16).contiguous(memory_format=torch.channels_last)
    contexts = {
        'autocast': torch.autocast('cpu', torch.bfloat16),
        'gradients': torch.enable_grad(),
        'onednn': torch.backends.mkldnn.flags(enabled=False),
    }
    with torch.no_grad(), contexts[of], counted() as count:
        embed(x)
    assert not count[FORM]
