"""Graphs with our operators compute what torch's own graphs compute.

Without a compiler: the graphs run as they are, node by node.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.edits import EDITS, HOOKS, Edit, edited
from tests.support.fast_runs import make_everything_pay
from tests.support.models import (
    assert_same_gradients,
    build,
    random_input,
    random_loss,
)
from tests.support.modes import TOLERANCE, run
from tests.support.small import many_tokens, relative_error, small
from uniformer_mm import deploy
from uniformer_mm.fast import attention, linear

graph_pass = pytest.importorskip('uniformer_mm.compiled.graph_pass')
pytestmark = pytest.mark.skipif(
    not linear.AVAILABLE, reason='weights are packed on x86 alone'
)
CLOSE = {'atol': 1e-4, 'rtol': 1e-4}


@pytest.fixture(autouse=True)
def _everything_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    make_everything_pay(monkeypatch)
    for module in (attention, graph_pass):
        monkeypatch.setattr(module, 'LEAST_TOKENS', 17)
    monkeypatch.setattr(attention, 'mkl_lacks_avx512', lambda: True)
    torch.compiler.reset()


def graphed(model: Any, count: Counter[str], dynamic: bool = False) -> Any:
    """Compile ``model`` into graphs with our operators, and count these."""
    from torch._dynamo.backends.common import aot_autograd
    from torch._inductor.decomposition import select_decomp_table

    def compiler(module: torch.fx.GraphModule, _: Any) -> Any:
        graph_pass.ByOneDNN()(module.graph)
        module.graph.lint()
        module.recompile()
        for node in module.graph.nodes:
            if 'uniformer_mm' in str(node.target):
                count[node.target.overloadpacket.__name__] += 1
                # torch lays memory out by what is said of it.
                assert isinstance(node.meta['val'], Tensor)
        return module.forward

    backend = aot_autograd(
        fw_compiler=compiler,
        bw_compiler=compiler,
        decompositions=select_decomp_table,
    )
    return torch.compile(
        model, backend=backend, dynamic=dynamic, fullgraph=True
    )


@pytest.mark.parametrize(
    'kind', ['image', 'video', pytest.param('light', marks=pytest.mark.slow)]
)
def test_inference(kind: str) -> None:
    """One graph for all sizes, of the deployed form."""
    model = deploy(build(kind).eval())
    count: Counter[str] = Counter()
    compiled = graphed(copy.deepcopy(model), count, dynamic=True)
    for h, w in ((96, 128), (97, 64)):
        x = random_input(kind, 2, h, w)
        with torch.no_grad():
            torch.testing.assert_close(compiled(x), model(x), **CLOSE)
    assert set(count) == {'product', 'mlp', 'attend'}
    if kind == 'image':
        # An MLP is two products, which torch 2.9 keeps apart now and then.
        products_of_all = count['product'] + 2 * count['mlp']
        assert products_of_all == 4 * sum(model.spec.depths)


@pytest.mark.parametrize('kind', ['image', 'video'])
def test_training(kind: str) -> None:
    """Forward, and gradients of weights and of inputs."""
    model = build(kind, norm_eval=True).train()
    count: Counter[str] = Counter()
    other = copy.deepcopy(model)
    compiled = graphed(other, count)
    x = random_input(kind, 2, 96, 64)
    for call in (model, compiled):
        random_loss(call(x)).backward()
    assert_same_gradients(other, model, 1e-4)
    depthwise = {'depthwise_of_input', 'depthwise_of_weight'}
    assert set(count) == {'product', *depthwise}
    if kind == 'image':
        assert count['product'] == 3 * 4 * sum(model.spec.depths)


WANTED = (
    *('batch statistics', 'group norm', 'derived layer', 'kernel of 3'),
    *('ReLU', 'tanh', 'hook-based weight norm', 'parametrization'),
    *('pruning mask', 'no bias', 'output hook'),
)


@pytest.mark.parametrize(
    'edit',
    [edit for edit in (*EDITS, *HOOKS) if edit.name in WANTED],
    ids=lambda edit: edit.name,
)
def test_what_was_changed_counts(edit: Edit) -> None:
    """All layers that it fits are changed at once."""
    model, x = small('image'), many_tokens('image')
    steps = [(edit, name) for name in edit.places(model)]
    expected = run('plain', edited(model, *steps), x)
    compiled = graphed(edited(model, *steps), Counter())
    with torch.no_grad():
        got = list(compiled(x))
    assert relative_error(got, expected) <= TOLERANCE


def test_autocast_is_torch_s() -> None:
    model, x = small('image'), many_tokens('image')
    count: Counter[str] = Counter()
    compiled = graphed(copy.deepcopy(model), count)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        got = list(compiled(x))
        expected = list(model(x))
    assert not count
    assert relative_error(got, expected) <= 0.05


def test_a_single_clip() -> None:
    model, x = deploy(small('video')), random_input('video', 1, 80, 76)
    count: Counter[str] = Counter()
    with torch.no_grad():
        got = graphed(copy.deepcopy(model), count)(x)
        torch.testing.assert_close(got, model(x), **CLOSE)
        assert [y.stride() for y in got] == [y.stride() for y in model(x)]
    assert count['convolve_clip']


def narrow(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight, padding=2, groups=len(weight))


def test_gradients_of_a_map_narrower_than_its_kernel() -> None:
    x = torch.randn(2, 4, 8, 1).to(memory_format=torch.channels_last)
    got, expected = (torch.randn(4, 1, 5, 5) for _ in range(2))
    expected.copy_(got)
    count: Counter[str] = Counter()
    for call, weight in (
        (graphed(narrow, count), got.requires_grad_()),
        (narrow, expected.requires_grad_()),
    ):
        call(x, weight).square().sum().backward()
    assert count == {'depthwise_of_weight': 1}
    torch.testing.assert_close(got.grad, expected.grad, **CLOSE)


def mix(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    hidden = F.gelu(x @ first).view(2, 4, 8)
    return hidden.transpose(0, 1).reshape(8, 8) @ second


def scale(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    y = x @ first
    return F.gelu(y) @ second + y


def bend(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return F.gelu(x @ first, approximate='tanh') @ second


def turn(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return F.gelu(x @ first).mT @ second


@pytest.mark.parametrize(
    ('function', 'expected'),
    [
        (mix, {'product': 2}),  # the tokens change places
        (turn, {'product': 2}),
        (scale, {'product': 2}),  # the first one is needed itself
        (bend, {'product': 2}),
    ],
)
def test_what_only_looks_like_an_mlp(
    function: Callable[..., Tensor], expected: dict[str, int]
) -> None:
    x, first, second = torch.randn(3, 8, 8).unbind()
    count: Counter[str] = Counter()
    compiled = graphed(function, count)
    with torch.no_grad():
        got = compiled(x, first, second)
    assert count == expected
    torch.testing.assert_close(got, function(x, first, second), **CLOSE)


def regroup(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    n, _, h, w = x.shape
    hidden = F.gelu(F.conv2d(x, first)).permute(0, 2, 3, 1)
    # The same tokens, in a map of another shape.
    hidden = hidden.reshape(n, w, h, -1).permute(0, 3, 1, 2)
    return F.conv2d(hidden, second)


def test_maps_that_change_their_shape_are_no_mlp() -> None:
    x = torch.randn(2, 8, 6, 10).to(memory_format=torch.channels_last)
    first, second = torch.randn(2, 8, 8, 1, 1).unbind()
    count: Counter[str] = Counter()
    with torch.no_grad():
        got = graphed(regroup, count)(x, first, second)
    assert count == {'product': 2}
    torch.testing.assert_close(got, regroup(x, first, second), **CLOSE)


def test_convolutions_of_one_axis_are_torch_s() -> None:
    layer, count = nn.Conv1d(8, 8, 1), Counter[str]()
    x = torch.randn(4, 8, 1)  # either order in memory
    with torch.no_grad():
        torch.testing.assert_close(graphed(layer, count)(x), layer(x))
    assert not count


@pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16])
def test_other_dtypes_are_left_alone(dtype: torch.dtype) -> None:
    x, first, second = torch.randn(3, 8, 8, dtype=dtype).unbind()
    count: Counter[str] = Counter()
    with torch.no_grad():
        graphed(bend, count)(x, first, second)
    assert not count
