"""Checkpointed blocks can be gone through more than once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.support.models import (
    assert_same_gradients,
    every_kind,
    random_input,
    random_loss,
)
from tests.support.small import small


def pair(kind: str, **changes: Any) -> tuple[nn.Module, nn.Module]:
    """The same model in training with and without checkpoints."""
    return (
        small(kind, with_cp=True, **changes).train(),
        small(kind, **changes).train(),
    )


def assert_same_statistics(model: nn.Module, other: nn.Module) -> None:
    for (name, a), b in zip(
        model.named_buffers(), other.buffers(), strict=True
    ):
        torch.testing.assert_close(a, b, msg=name)
        if 'num_batches' in name:
            assert a == 1, name


def assert_close(got: Any, expected: Any) -> None:
    largest = max(b.abs().max() for b in expected)
    for a, b in zip(got, expected, strict=True):
        assert (a - b).abs().max() <= 1e-5 * largest


@every_kind
@pytest.mark.parametrize('rate', [0.0, 0.3])
def test_two_backward_passes_of_one_graph(kind: str, rate: float) -> None:
    models = pair(kind, drop_rate=rate, drop_path_rate=rate)
    x = random_input(kind, 2, 64, 64)
    for model in models:
        torch.manual_seed(7)
        loss = random_loss(model(x))
        loss.backward(retain_graph=True)
        loss.backward()
    assert_same_gradients(*models)
    assert_same_statistics(*models)


@every_kind
def test_two_losses_of_one_graph(kind: str) -> None:
    """The gradient of each, as for weighing losses by their gradients."""
    models = pair(kind)
    x = random_input(kind, 2, 64, 64)
    gradients = []
    for model in models:
        outs = model(x)
        weight = model.blocks1[0].mlp.fc1.weight
        own: list[Tensor] = []
        for out in outs:
            loss = random_loss((out,))
            own += torch.autograd.grad(loss, weight, retain_graph=True)
        gradients.append(own)
        random_loss(outs).backward()
    assert_close(*gradients)
    assert_same_gradients(*models)
    assert_same_statistics(*models)


@every_kind
def test_gradients_of_gradients(kind: str) -> None:
    models = pair(kind)
    penalties = []
    for model in models:
        x = random_input(kind, 2, 64, 64).requires_grad_(True)
        # torch's fused attention of CPUs has no second derivative.
        with sdpa_kernel(SDPBackend.MATH):
            loss = random_loss(model(x))
            (slope,) = torch.autograd.grad(loss, x, create_graph=True)
            penalty = slope.square().sum() * 1e3
            (loss + penalty).backward()
        penalties.append([penalty.detach()])
    assert penalties[0][0] > 0
    assert_close(*penalties)
    assert_same_gradients(*models, tolerance=1e-4)
    assert_same_statistics(*models)


@every_kind
def test_the_state_of_norms_is_left_as_it_was(kind: str) -> None:
    model, _ = pair(kind)
    norms = {
        name: (module.momentum, type(module.num_batches_tracked))
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    }
    loss = random_loss(model(random_input(kind, 2, 64, 64)))
    loss.backward(retain_graph=True)
    loss.backward()
    for name, state in norms.items():
        norm = model.get_submodule(name)
        assert (norm.momentum, type(norm.num_batches_tracked)) == state, name
        assert norm.training
