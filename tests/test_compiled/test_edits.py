"""Changed models compute in inductor's graphs what they compute as written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune

from tests.support import changes
from tests.support.fast_runs import make_everything_pay, operations
from tests.support.lora import Lora
from tests.support.markers import needs_compiler
from tests.support.models import random_input
from tests.support.modes import TOLERANCE
from tests.support.small import relative_error, small
from uniformer_mm import compile_options
from uniformer_mm.compiled import options
from uniformer_mm.fast import plain

VISIBLE = 10 * TOLERANCE


class OverTokens(nn.Module):
    """A convolution of kernel 1, written as a linear layer."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(1.5 * layer.weight.detach().flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.movedim(1, -1), self.weight).movedim(-1, 1)


def learnt(layer: nn.Linear) -> nn.Module:
    adapted = Lora(layer)
    nn.init.normal_(adapted.up.weight)
    return adapted


@torch.no_grad()
def scale_in_place(layer: Any) -> None:
    layer.weight.mul_(1.5)


def exchange_data(layer: Any) -> None:
    layer.weight.data = layer.weight.data.flip(0)


def exchange_parameter(layer: Any) -> None:
    layer.weight = nn.Parameter(layer.weight.detach().flip(0))


# What needs no new graph comes first.
EDITS: list[tuple[str, Callable[[Any], nn.Module | None]]] = [
    ('blocks1.0.conv1', scale_in_place),
    ('blocks3.0.attn.proj', exchange_data),
    ('blocks3.0.mlp.fc2', exchange_parameter),
    ('blocks1.0.norm1', lambda layer: layer.train()),
    ('blocks2.0.drop_path', changes.leave_on),
    ('blocks2.0.norm2', changes.change_output),
    ('blocks3.0.mlp', changes.change_input),
    ('blocks1.0.conv2', changes.doubling),
    ('blocks2.0.conv1', OverTokens),
    ('blocks2.0.mlp.fc1', lambda m: prune.l1_unstructured(m, 'weight', 0.5)),
    ('blocks3.0.mlp.fc1', changes.louder_weight_norm),
    ('blocks3.0.attn.qkv', learnt),
]


def apply(model: nn.Module, place: str, edit: Callable[..., Any]) -> None:
    torch.manual_seed(5)
    new = edit(model.get_submodule(place))
    if isinstance(new, nn.Module) and new is not model.get_submodule(place):
        parent, _, name = place.rpartition('.')
        setattr(model.get_submodule(parent), name, new)


def outputs(call: Callable[..., Any], x: Tensor) -> list[Tensor]:
    torch.manual_seed(4)
    with torch.no_grad():
        return list(call(x))


def assert_as_written(model: Any, x: Tensor, what: str) -> list[Tensor]:
    with plain():
        expected = outputs(model.forward, x)  # not compiled
    assert relative_error(outputs(model, x), expected) <= TOLERANCE, what
    return expected


@pytest.mark.slow
@needs_compiler
@pytest.mark.skipif(
    not (options.AVAILABLE and hasattr(torch.Tag, 'needs_exact_strides')),
    reason='of x86, and of newer torch',
)
@pytest.mark.parametrize('kind', ['image', 'light'])
@pytest.mark.parametrize('when', ['before', 'after'])
def test_what_was_changed_counts_in_inductor(
    kind: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_everything_pay(monkeypatch)
    monkeypatch.setattr(options, 'mkl_lacks_avx512', lambda: True)
    torch.compiler.reset()
    model, x = small(kind), random_input(kind, 4, 64, 64)
    # Else random numbers are others than torch's own.
    settings = {**compile_options(), 'fallback_random': True}
    if when == 'after':
        model.compile(options=settings)
        before = assert_as_written(model, x, 'nothing')
    with torch._dynamo.config.patch(recompile_limit=64):
        for place, edit in EDITS:
            apply(model, place, edit)
            if when == 'after':
                outs = assert_as_written(model, x, place)
                assert relative_error(outs, before) > VISIBLE, place
                before = outs
        if when == 'before':
            model.compile(options=settings)
        assert_as_written(model, x, when)
        assert_as_written(model.train(), x, 'training mode')
        assert_as_written(model.eval(), x, 'evaluation again')
    ours = operations(lambda: outputs(model, x))
    assert ours['mkldnn::_linear_pointwise'] > 0
