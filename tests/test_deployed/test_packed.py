"""Layers of deployed models keep their weights packed, and up to date."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.memory import bytes_of
from tests.support.fast_runs import operations
from tests.support.models import build, random_input
from tests.support.small import through_a_file
from uniformer_mm import deploy
from uniformer_mm.deployed.packed import PackedLayer, PackedLinear
from uniformer_mm.fast import linear
from uniformer_mm.fast.leaves import call

pytestmark = pytest.mark.skipif(
    not linear.AVAILABLE, reason='weights are packed on x86 alone'
)
MULTIPLY, PACK = 'mkldnn::_linear_pointwise', 'mkldnn::_reorder_linear_weight'


def keeping(dim: int = 8, out: int = 16) -> PackedLinear:
    """A layer as in deployed models."""
    return PackedLinear(dim, out).requires_grad_(False)


def assert_linear(layer: Any, tokens: Tensor) -> None:
    with torch.no_grad():
        got = call(layer, tokens)
        assert operations(partial(call, layer, tokens))[MULTIPLY] == 1
    expected = F.linear(tokens, layer.weight, layer.bias)
    torch.testing.assert_close(got, expected)


def test_its_memory_is_counted() -> None:
    layer = keeping(8, 16)
    assert bytes_of(layer) == 4 * (8 * 16 + 16)
    assert_linear(layer, torch.randn(5, 8))
    assert bytes_of(layer) == 4 * (2 * 8 * 16 + 16)


def test_its_class_is_torch_s_for_all_else() -> None:
    layer, tokens = keeping(), torch.randn(5, 8)
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        assert operations(lambda: layer(tokens))[MULTIPLY] == 0
    with torch.inference_mode():
        # torch counts no changes of such weights.
        weight = PackedLinear(8, 16)
        call(weight, tokens)
    assert not weight.holds_packed


def test_the_deployed_form_packs_once() -> None:
    model = build('image').eval()
    x = random_input('image', 1, 64, 64)
    with torch.no_grad():
        assert operations(lambda: model(x))[PACK] == 0
        deploy(model)
        layers = [m for m in model.modules() if isinstance(m, PackedLayer)]
        assert len(layers) == 4 * 2 + 4 * 5
        assert operations(lambda: model(x))[PACK] == len(layers)
        count = operations(lambda: model(x))
    assert count[PACK] == 0
    assert count[MULTIPLY] >= len(layers)


def through_bfloat16(layer: PackedLinear) -> None:
    layer.bfloat16().float()


def in_place(layer: PackedLinear) -> None:
    with torch.no_grad():
        layer.weight.mul_(2)


def by_a_checkpoint(layer: PackedLinear) -> None:
    layer.load_state_dict(PackedLinear(8, 16).state_dict())


def by_another_parameter(layer: PackedLinear) -> None:
    layer.weight = nn.Parameter(torch.randn(16, 8), requires_grad=False)


def by_other_data(layer: PackedLinear) -> None:
    for _ in range(2):  # the second may get the address of the first
        layer.weight.data = torch.randn(16, 8)


def unseen_by_torch(layer: PackedLinear) -> None:
    layer.weight.data.mul_(2)


def in_one_number(layer: PackedLinear) -> None:
    layer.weight.data[3, 5] += 1


def through_numpy(layer: PackedLinear) -> None:
    layer.weight.numpy()[:] = 1


def by_a_fused_optimizer(layer: PackedLinear) -> None:
    layer.weight.grad = torch.ones_like(layer.weight)
    torch.optim.SGD([layer.weight], lr=0.1, fused=True).step()


@pytest.mark.parametrize(
    'change',
    [
        through_bfloat16,
        in_place,
        by_a_checkpoint,
        by_another_parameter,
        by_other_data,
        unseen_by_torch,
        in_one_number,
        through_numpy,
        by_a_fused_optimizer,
    ],
)
def test_a_changed_weight_is_packed_anew(
    change: Callable[[PackedLinear], None],
) -> None:
    layer, tokens = keeping(), torch.randn(5, 8)
    assert_linear(layer, tokens)
    before = layer.weight.detach().clone()
    change(layer)
    assert not torch.equal(layer.weight, before)
    assert_linear(layer, tokens)


def test_what_can_be_trained_is_not_kept() -> None:
    # Fused optimizers change weights and torch does not count it.
    layer = keeping().requires_grad_(True)
    tokens = torch.randn(linear.LEAST_TOKENS, 8)
    assert_linear(layer, tokens)
    assert not layer.holds_packed
    layer(tokens).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=1.0, fused=True).step()
    assert_linear(layer, tokens)


def test_a_move_frees_the_packed_weight() -> None:
    layer = keeping()
    assert_linear(layer, torch.randn(5, 8))
    assert layer.holds_packed
    assert not layer.double().holds_packed


def test_a_kept_weight_serves_any_number_of_tokens() -> None:
    layer = keeping(64, 256)
    for length in (1, 0, 5, 5000, 7):
        assert_linear(layer, torch.randn(length, 64))


def test_copies_and_files_leave_the_packed_weight_behind() -> None:
    layer, tokens = keeping(), torch.randn(5, 8)
    plain = len(pickle.dumps(layer))
    assert_linear(layer, tokens)
    assert len(pickle.dumps(layer)) == plain
    assert layer.holds_packed
    assert list(layer.state_dict()) == ['weight', 'bias']
    for other in (copy.deepcopy(layer), through_a_file(layer)):
        assert not other.holds_packed
        with torch.no_grad():
            other.weight.add_(1)
        assert_linear(other, tokens)
        assert_linear(layer, tokens)


def test_a_compiled_layer_can_be_copied() -> None:
    layer = keeping()
    layer.compile(backend='eager')
    tokens = torch.randn(5, 8)
    torch.testing.assert_close(copy.deepcopy(layer)(tokens), layer(tokens))
