"""Symbolic tracing and feature extractors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torchvision.models.feature_extraction import create_feature_extractor

from tests.support.models import KINDS, random_input
from tests.support.modes import MODES, TOLERANCE, run
from tests.support.small import relative_error, small

every_kind = pytest.mark.parametrize('kind', list(KINDS))
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


@every_kind
def test_feature_extractors_give_what_hooks_see(kind: str) -> None:
    model, x = small(kind), random_input(kind, 2, 64, 64)
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _args: Any, out: Tensor) -> None:
            seen[name] = out.detach().clone()

        return hook

    handles = [
        model.get_submodule(name).register_forward_hook(keep(name))
        for name in NODES
    ]
    run('plain', model, x)
    for handle in handles:
        handle.remove()
    extractor = create_feature_extractor(model, NODES)
    with torch.no_grad():
        features = extractor(x)
    for name, key in NODES.items():
        assert relative_error(features[key], seen[name]) <= TOLERANCE, name


@every_kind
def test_hooks_give_the_features_of_any_layer(kind: str) -> None:
    """What works on every model, traced or not."""
    model, x = small(kind), random_input(kind, 2, 64, 64)
    features: dict[str, dict[str, Tensor]] = {}
    for mode in MODES:
        own = features[mode] = {}
        handles = [
            model.get_submodule(name).register_forward_hook(
                lambda _module, _args, out, own=own, name=name: own.update(
                    {name: out.detach().clone()}
                )
            )
            for name in NODES
        ]
        run(mode, model, x)
        for handle in handles:
            handle.remove()
    for mode, own in features.items():
        for name in NODES:
            expected = features['plain'][name]
            assert relative_error(own[name], expected) <= TOLERANCE, mode
