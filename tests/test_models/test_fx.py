"""Symbolic tracing and feature extractors."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn
from torchvision.models.feature_extraction import create_feature_extractor

from tests.support.models import every_kind, random_input
from tests.support.modes import MODES, TOLERANCE, run
from tests.support.small import relative_error, small

NODES = {
    'blocks1.0.mlp.fc2': 'inside a block',
    'blocks3.1.mlp.fc2': 'of tokens',
    'norm4': 'last output',
}


@every_kind
def test_symbolic_tracing_gives_the_same(kind: str) -> None:
    model, x = small(kind), random_input(kind, 2, 64, 64)
    expected = run('plain', model, x)
    graph = fx.symbolic_trace(model)
    for mode in MODES:
        assert relative_error(run(mode, graph, x), expected) <= TOLERANCE


def seen(mode: str, model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What hooks on ``NODES`` see."""
    outs: dict[str, Tensor] = {}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda _module, _args, out, name=name: outs.update(
                {name: out.detach().clone()}
            )
        )
        for name in NODES
    ]
    run(mode, model, x)
    for handle in handles:
        handle.remove()
    return outs


@every_kind
def test_feature_extractors_give_what_hooks_see(kind: str) -> None:
    model, x = small(kind), random_input(kind, 2, 64, 64)
    expected = seen('plain', model, x)
    extractor = create_feature_extractor(model, NODES)
    with torch.no_grad():
        features = extractor(x)
    for name, key in NODES.items():
        error = relative_error(features[key], expected[name])
        assert error <= TOLERANCE, name


@every_kind
def test_hooks_give_the_features_of_any_layer(kind: str) -> None:
    """What works on every model, traced or not."""
    model, x = small(kind), random_input(kind, 2, 64, 64)
    expected = seen('plain', model, x)
    for mode in MODES:
        assert relative_error(seen(mode, model, x), expected) <= TOLERANCE
