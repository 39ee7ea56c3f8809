"""The backbones as graphs: compiled, exported, traced."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.fx.experimental._config
from torch._dynamo.utils import counters
from torch.export import Dim

from tests.support.markers import needs_compiler
from tests.support.models import (
    LIGHT,
    assert_same_gradients,
    build,
    every_kind,
    random_input,
    random_loss,
)
from uniformer_mm import UniFormerClassifier
from uniformer_mm.models.attention import Attention


@every_kind
def test_compiles_as_one_graph(kind: str) -> None:
    torch._dynamo.reset()
    model = build(kind).eval()
    compiled = torch.compile(model, fullgraph=True, backend='aot_eager')
    x = random_input(kind, 1, 80, 64)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x))


@pytest.mark.parametrize('kind', ['image', 'light'])
@pytest.mark.parametrize('with_cp', [False, True])
def test_compiled_training_step_is_eager(kind: str, with_cp: bool) -> None:
    torch._dynamo.reset()
    model, other = build(kind), build(kind, with_cp=with_cp)
    compiled = torch.compile(other, fullgraph=True, backend='aot_eager')
    x = random_input(kind, 2, 64, 64)
    for run in (model, compiled):
        random_loss(run(x)).backward()
    assert_same_gradients(other, model)
    torch.testing.assert_close(
        dict(model.named_buffers()), dict(other.named_buffers())
    )


def test_inductor_gives_the_same() -> None:
    torch._dynamo.reset()
    model = build('image').eval()
    compiled = torch.compile(model, fullgraph=True)
    x = random_input('image', 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x), atol=1e-4, rtol=1e-4)


@needs_compiler
def test_inductor_trains_windows() -> None:
    """Windows of more than 8 tokens, which torch divides by in loops."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = Attention(32, 16, 0.0, 0.0)
    other = copy.deepcopy(model)
    x, weights = torch.rand(2, 2, 10, 12, 32).unbind(0)
    for run in (model, torch.compile(other, fullgraph=True)):
        (run(run(x, 9), 9) * weights).sum().backward()
    assert_same_gradients(other, model, 1e-4)


@pytest.mark.parametrize(
    ('kind', 'changes'),
    [
        ('image', {'attention': 'global'}),
        ('image', {'attention': 'window', 'window_size': 3}),
        ('image', {'attention': 'hybrid', 'window_size': 3}),
        ('conv_stem', {}),
        ('layer_scale', {}),
        ('video', {}),
        ('split', {}),
    ],
)
def test_exports_with_dynamic_size(kind: str, changes: dict[str, Any]) -> None:
    model = build(kind, **changes).eval()
    # torch.export takes a side of 1 for a constant: stage 4 needs 2.
    # Of a Dim with a name torch 2.15 wants guards that it can prove itself.
    side = Dim.DYNAMIC(min=64, max=2048)
    x = random_input(kind, 2, 96, 128)
    exported = torch.export.export(
        model,
        (x,),
        dynamic_shapes={'x': {x.ndim - 2: side, x.ndim - 1: side}},
    ).module()
    for h, w in ((96, 128), (65, 97), (224, 64)):
        x = random_input(kind, 2, h, w)
        with torch.no_grad():
            torch.testing.assert_close(exported(x), model(x))


@pytest.mark.parametrize('mode', ['window', 'hybrid'])
@pytest.mark.parametrize('least', [64, 16 * 15])
def test_exports_windows_of_the_papers_size(mode: str, least: int) -> None:
    """Of which small images have one, if torch is told not to mind."""
    oblivious = torch.fx.experimental._config.patch(
        backed_size_oblivious=least == 64
    )
    model = build('image', attention=mode, window_size=14).eval()
    side = Dim.DYNAMIC(min=least, max=2048)
    x = random_input('image', 2, 256, 272)
    with oblivious:
        exported = torch.export.export(
            model, (x,), dynamic_shapes={'x': {2: side, 3: side}}
        ).module()
    sizes = [(256, 272), (449, 240)]
    if least == 64:
        sizes += [(64, 64), (65, 97), (448, 200)]
    for h, w in sizes:
        x = random_input('image', 2, h, w)
        with torch.no_grad():
            torch.testing.assert_close(
                exported(x), model(x), atol=1e-4, rtol=1e-4
            )


@pytest.mark.parametrize(
    ('training', 'backend'),
    [
        (False, 'eager'),
        (True, 'eager'),
        pytest.param(True, 'aot_eager', marks=pytest.mark.slow),
    ],
)
def test_one_graph_of_all_sizes_classifies_with_a_class_token(
    training: bool, backend: str
) -> None:
    torch._dynamo.reset()
    counters.clear()
    torch.manual_seed(0)
    arch = {**LIGHT, 'depths': (1, 1, 2, 1), 'light': True}
    model = UniFormerClassifier(arch, num_classes=5).train(training)
    compiled = copy.deepcopy(model)
    compiled.compile(fullgraph=True, dynamic=True, backend=backend)
    for size in ((2, 64, 96), (3, 97, 64)):
        x = random_input('light', *size)
        with torch.set_grad_enabled(training):
            got, expected = compiled(x), model(x)
        torch.testing.assert_close(got, expected)
        if training:
            for run, logits in ((model, expected), (compiled, got)):
                run.zero_grad()
                random_loss(logits).backward()
            assert_same_gradients(compiled, model)
    assert counters['stats']['unique_graphs'] == 1
