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
from torch.autograd.forward_ad import dual_level, make_dual
from torch.nn.modules.module import register_module_forward_hook
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
    """A layer as in deployed models."""
    layer = PackedLinear(dim, out).requires_grad_(False)
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


class Doubled(PackedLinear):
    """A layer with results of its own, as adapters have them."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def doubled(*args: Any) -> Tensor:
    return 2 * args[-1]


def by_weight_norm(mlp: Any) -> None:
    nn.utils.weight_norm(mlp.fc1)
    with torch.no_grad():
        mlp.fc1.weight_g.mul_(2)


def by_a_class(mlp: Any) -> None:
    mlp.fc1.__class__ = Doubled


def by_a_patch(mlp: Any) -> None:
    forward = mlp.fc1.forward
    mlp.fc1.forward = lambda x: 2 * forward(x)


@pytest.mark.usefixtures('_any_tokens')
@pytest.mark.parametrize(
    'change',
    [
        by_weight_norm,
        by_a_class,
        by_a_patch,
        lambda mlp: mlp.fc1.register_forward_hook(doubled),
        lambda mlp: mlp.act.register_forward_hook(doubled),
        lambda mlp: mlp.fc1.register_forward_pre_hook(
            lambda _, args: 2 * args[0]
        ),
    ],
)
def test_an_mlp_does_what_its_layers_are_made_to_do(
    change: Callable[[Mlp], None],
) -> None:
    mlp, tokens = Mlp(8, 32, 0.0), torch.randn(5, 8)
    before = mlp(tokens)
    change(mlp)
    expected = mlp(tokens)
    assert not torch.allclose(expected, before)
    with torch.no_grad():
        torch.testing.assert_close(mlp(tokens), expected)


@pytest.mark.usefixtures('_any_tokens')
def test_hooks_of_all_modules_are_called() -> None:
    mlp, called = Mlp(8, 32, 0.0), []
    handle = register_module_forward_hook(
        lambda module, *_: called.append(module)
    )
    with handle, torch.no_grad():
        mlp(torch.randn(5, 8))
    assert {mlp.fc1, mlp.act, mlp.fc2} <= set(called)


@pytest.mark.usefixtures('_any_tokens')
def test_both_dropouts_stay() -> None:
    mlp, tokens = Mlp(8, 32, 0.0), torch.randn(5, 8)
    mlp.drop = nn.Threshold(0.05, 0.0)
    expected = mlp.drop(mlp.fc2(mlp.drop(mlp.act(mlp.fc1(tokens)))))
    with torch.no_grad():
        torch.testing.assert_close(mlp(tokens), expected)
        assert count(MULTIPLY, lambda: mlp(tokens)) == 2


def test_few_tokens_do_not_pay_for_packing() -> None:
    layer = PackedLinear(8, 16)
    tokens = torch.randn(packed.LEAST_TOKENS, 8)
    with torch.no_grad():
        assert layer.packing_pays(tokens)
        assert not layer.packing_pays(tokens[1:])
        assert keeping().packing_pays(tokens[:1])


def test_where_it_does_not_apply() -> None:
    layer, tokens = keeping(), torch.randn(5, 8)
    assert not layer.packing_pays(tokens)  # gradients are on
    inside: list[bool] = []

    def function(tokens: Tensor) -> Tensor:
        inside.append(layer.packing_pays(tokens))
        return layer(tokens)

    with torch.no_grad():
        assert layer.packing_pays(tokens)
        assert not layer.packing_pays(tokens.double())
        assert not keeping().double().packing_pays(tokens)
        assert not keeping().bfloat16().packing_pays(tokens.bfloat16())
        assert not keeping().to('meta').packing_pays(tokens.to('meta'))
        with torch.backends.mkldnn.flags(enabled=False):
            assert not layer.packing_pays(tokens)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            assert not layer.packing_pays(tokens)
            assert layer(tokens).dtype == torch.bfloat16
        with FakeTensorMode() as mode:
            assert not layer.packing_pays(mode.from_tensor(tokens))
        with dual_level():
            function(make_dual(tokens, tokens))
        torch.func.vmap(function)(tokens)
        torch.jit.trace(function, tokens, check_trace=False)
        torch.compile(function, backend='eager')(tokens)
    with torch.inference_mode():
        assert layer.packing_pays(tokens)
        assert not keeping().packing_pays(tokens)
    assert inside
    assert not any(inside)


def test_its_memory_is_counted() -> None:
    layer = keeping(8, 16)
    assert bytes_of(layer) == 4 * (8 * 16 + 16)
    assert_linear(layer, torch.randn(5, 8))
    assert bytes_of(layer) == 4 * (2 * 8 * 16 + 16)


@pytest.mark.usefixtures('_any_tokens')
def test_a_bias_with_gaps() -> None:
    layer, tokens = PackedLinear(8, 16), torch.randn(5, 8)
    layer.bias = nn.Parameter(torch.randn(64)[::4])
    with torch.no_grad():
        expected = F.linear(tokens, layer.weight, layer.bias)
        torch.testing.assert_close(layer(tokens), expected)


def test_wrong_channels_get_the_error_of_torch() -> None:
    with torch.no_grad(), pytest.raises(RuntimeError, match='5x7 and 8x16'):
        keeping()(torch.randn(5, 7))


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
    layer.weight = nn.Parameter(torch.randn(16, 8), requires_grad=False)


def by_other_data(layer: PackedLinear) -> None:
    for _ in range(2):  # the second may get the address of the first
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


def test_what_can_be_trained_is_not_kept() -> None:
    # Fused optimizers change weights and torch does not count it.
    layer = keeping().requires_grad_(True)
    tokens = torch.randn(packed.LEAST_TOKENS, 8)
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


def test_a_compiled_layer_can_be_copied() -> None:
    layer = keeping()
    layer.compile(backend='eager')
    tokens = torch.randn(5, 8)
    torch.testing.assert_close(copy.deepcopy(layer)(tokens), layer(tokens))
