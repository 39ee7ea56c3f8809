"""Linear layers of inference on a CPU: packed weights, the same results."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.memory import bytes_of
from tests.golden_cases import GoldenCase
from tests.test_backbones.models import build, random_input
from tests.test_backbones.test_golden import build as build_golden
from tests.test_backbones.test_golden import every_case
from uniformer_mm import deploy
from uniformer_mm.backbones import packed
from uniformer_mm.backbones.convs import pointwise
from uniformer_mm.backbones.layers import Mlp
from uniformer_mm.backbones.packed import Packable, PackedLinear

pytestmark = pytest.mark.skipif(
    not packed.AVAILABLE, reason='weights are packed on x86 alone'
)
MULTIPLY, PACK = 'mkldnn::_linear_pointwise', 'mkldnn::_reorder_linear_weight'


@pytest.fixture
def _any_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, 'LEAST_TOKENS', 1)


def count(name: str, function: Callable[[], Any]) -> int:
    """How often torch runs the operation ``name`` in ``function``."""
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        function()
    return sum(event.name == name for event in recorded.events())


def keeping(dim: int = 8, out: int = 16) -> PackedLinear:
    layer = PackedLinear(dim, out)
    layer.keeps_packed = True
    return layer


def assert_linear(layer: Any, tokens: Tensor) -> None:
    weight = layer.weight.flatten(1)
    with torch.no_grad():
        got = layer(tokens)
        assert count(MULTIPLY, lambda: layer(tokens)) == 1
    torch.testing.assert_close(got, F.linear(tokens, weight, layer.bias))


@every_case
@pytest.mark.usefixtures('_any_tokens')
def test_golden_outputs(
    golden: GoldenCase, use_threads: Callable[[int], None]
) -> None:
    use_threads(2)  # on one, 3D convolutions leave channels-last memory
    model, x = build_golden(golden).eval(), golden.input()
    with torch.no_grad():
        outs = model(x)
        layers = [m for m in model.modules() if isinstance(m, Packable)]
        assert count(MULTIPLY, lambda: model(x)) >= len(layers)
    outs = (outs,) if isinstance(outs, Tensor) else outs
    for i, out in enumerate(outs):
        assert golden.relative_error(f'eval{i}', out) <= 1e-4


@pytest.mark.usefixtures('_any_tokens')
@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('shape', [(1, 8), (2, 3, 8), (2, 3, 5, 8)])
def test_tokens(shape: tuple[int, ...], bias: bool) -> None:
    tokens = torch.randn(shape)
    assert_linear(PackedLinear(8, 16, bias), tokens)
    assert_linear(PackedLinear(8, 16, bias), tokens.mT.contiguous().mT)
    if tokens.ndim == 2:
        assert_linear(pointwise(2, 8, 16), tokens)
        assert_linear(pointwise(3, 8, 16), tokens)


@pytest.mark.usefixtures('_any_tokens')
@pytest.mark.parametrize('ndim', [2, 3])
def test_maps(ndim: int) -> None:
    layer = pointwise(ndim, 8, 16)
    nchw = torch.randn(2, 8, *(3, 5, 7)[-ndim:])
    nhwc = nchw.movedim(1, -1).contiguous().movedim(-1, 1)
    for x, calls in ((nchw, 0), (nhwc, 1)):
        with torch.no_grad():
            got = layer(x)
            assert count(MULTIPLY, partial(layer, x)) == calls
        torch.testing.assert_close(got, layer(x))
    assert got.movedim(1, -1).is_contiguous()
    alone = torch.randn(8, *(3, 5, 8)[-ndim:])  # a map without a batch
    with torch.no_grad():
        torch.testing.assert_close(layer(alone), layer(alone[None])[0])


@pytest.mark.usefixtures('_any_tokens')
@pytest.mark.parametrize('linear', [PackedLinear, partial(pointwise, 2)])
def test_the_gelu_is_part_of_the_kernel(linear: Any) -> None:
    mlp, tokens = Mlp(8, 32, 0.0, linear), torch.randn(5, 8)
    expected = mlp.fc2(F.gelu(mlp.fc1(tokens)))
    with torch.no_grad():
        torch.testing.assert_close(mlp(tokens), expected)
        assert count(MULTIPLY, lambda: mlp(tokens)) == 2
        assert count('aten::gelu', lambda: mlp(tokens)) == 0


@pytest.mark.usefixtures('_any_tokens')
def test_layers_of_an_mlp_can_be_replaced() -> None:
    mlp, tokens = Mlp(8, 32, 0.0), torch.randn(5, 8)
    mlp.act = nn.ReLU()
    expected = mlp.fc2(mlp.fc1(tokens).relu())
    with torch.no_grad():
        torch.testing.assert_close(mlp(tokens), expected)
        mlp.fc1 = nn.Linear(8, 32)
        expected = mlp.fc2(mlp.fc1(tokens).relu())
        torch.testing.assert_close(mlp(tokens), expected)


@pytest.mark.usefixtures('_any_tokens')
def test_dropout_stays() -> None:
    mlp = Mlp(8, 32, 1.0).train()
    with torch.no_grad():
        assert not mlp(torch.randn(5, 8)).any()


def test_few_tokens_do_not_pay_for_packing() -> None:
    layer = PackedLinear(8, 16)
    tokens = torch.randn(packed.LEAST_TOKENS, 8)
    with torch.no_grad():
        assert layer.packs(tokens)
        assert not layer.packs(tokens[1:])
        assert keeping().packs(tokens[:1])


def test_where_it_does_not_apply() -> None:
    layer = keeping().requires_grad_(False)
    tokens = torch.randn(5, 8)
    assert not layer.packs(tokens)  # gradients are on
    inside: list[bool] = []

    def function(tokens: Tensor) -> Tensor:
        inside.append(layer.packs(tokens))
        return layer(tokens)

    with torch.no_grad():
        assert layer.packs(tokens)
        assert not layer.packs(tokens.double())
        assert not keeping().double().packs(tokens)
        assert not keeping().bfloat16().packs(tokens.bfloat16())
        assert not keeping().to('meta').packs(tokens.to('meta'))
        with torch.backends.mkldnn.flags(enabled=False):
            assert not layer.packs(tokens)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            assert not layer.packs(tokens)
            assert layer(tokens).dtype == torch.bfloat16
        with FakeTensorMode() as mode:
            assert not layer.packs(mode.from_tensor(tokens))
        torch.func.vmap(function)(tokens)
        torch.jit.trace(function, tokens, check_trace=False)
        torch.compile(function, backend='eager')(tokens)
    with torch.inference_mode():
        assert layer.packs(tokens)
        assert not keeping().packs(tokens)
    assert inside
    assert not any(inside)


def test_its_memory_is_counted() -> None:
    layer = keeping(8, 16)
    assert bytes_of(layer) == 4 * (8 * 16 + 16)
    assert_linear(layer, torch.randn(5, 8))
    assert bytes_of(layer) == 4 * (2 * 8 * 16 + 16)


def test_operations_can_be_counted() -> None:
    layer, tokens = keeping(), torch.randn(5, 8)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        layer(tokens)
    assert counter.get_total_flops() == 2 * 5 * 8 * 16


def test_the_deployed_form_packs_once() -> None:
    model = build('image').eval()
    x = random_input('image', 1, 64, 64)
    layers = [m for m in model.modules() if isinstance(m, Packable)]
    with torch.no_grad():
        assert count(PACK, lambda: model(x)) == 0
        deploy(model)
        assert count(PACK, lambda: model(x)) == len(layers)
        assert count(PACK, lambda: model(x)) == 0
        assert count(MULTIPLY, lambda: model(x)) >= len(layers)


def through_bfloat16(layer: PackedLinear) -> None:
    layer.bfloat16().float()


def in_place(layer: PackedLinear) -> None:
    with torch.no_grad():
        layer.weight.mul_(2)


def by_a_checkpoint(layer: PackedLinear) -> None:
    layer.load_state_dict(PackedLinear(8, 16).state_dict())


def by_another_parameter(layer: PackedLinear) -> None:
    layer.weight = nn.Parameter(torch.randn(16, 8))


def by_other_data(layer: PackedLinear) -> None:
    layer.weight.data = torch.randn(16, 8)


@pytest.mark.parametrize(
    'change',
    [
        through_bfloat16,
        in_place,
        by_a_checkpoint,
        by_another_parameter,
        by_other_data,
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
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    for other in (
        copy.deepcopy(layer),
        torch.load(file, weights_only=False),  # written right above
    ):
        assert not other.holds_packed
        with torch.no_grad():
            other.weight.add_(1)
        assert_linear(other, tokens)
        assert_linear(layer, tokens)
