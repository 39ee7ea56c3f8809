"""Transformations of torch.func: batches, ensembles, derivatives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jvp, stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.support.models import every_kind, random_input, random_loss
from tests.support.modes import MODES, TOLERANCE, run
from tests.support.small import many_tokens, relative_error, small
from uniformer_mm import fast


@every_kind
def test_vmap_over_images_is_a_batch(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    expected = run('plain', model, x)

    def each(x: Tensor) -> Any:
        outs = vmap(lambda image: model(image[None]))(x)
        return [out.squeeze(1) for out in outs]

    for mode in MODES:
        assert relative_error(run(mode, each, x), expected) <= TOLERANCE, mode


@every_kind
def test_vmap_over_weights_is_an_ensemble(kind: str) -> None:
    models, x = [small(kind) for _ in range(3)], many_tokens(kind)
    with torch.no_grad():
        for i, model in enumerate(models):
            for parameter in model.parameters():
                parameter.mul_(1 + i / 10)
    singles = [run('plain', model, x) for model in models]
    expected = [torch.stack(outs) for outs in zip(*singles, strict=True)]
    assert relative_error(singles[1], singles[0]) > 1e-3
    weights, buffers = stack_module_state(models)

    def ensemble(x: Tensor) -> Any:
        def call(weights: Any, buffers: Any) -> Any:
            return functional_call(models[0], (weights, buffers), (x,))

        return vmap(call)(weights, buffers)

    for mode in MODES:
        outs = run(mode, ensemble, x)
        assert relative_error(outs, expected) <= TOLERANCE, mode


@every_kind
def test_grad_gives_what_autograd_gives(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    weights = {n: p.detach() for n, p in model.named_parameters()}

    def loss(weights: Any) -> Tensor:
        return random_loss(functional_call(model, weights, (x,)))

    with fast.plain():
        random_loss(model(x)).backward()
    gradients = grad(loss)(weights)
    largest = max(g.abs().max() for g in gradients.values())
    for name, parameter in model.named_parameters():
        error = (gradients[name] - parameter.grad).abs().max()
        assert error <= 1e-5 * largest, name


@every_kind
def test_gradients_of_single_samples_add_up(kind: str) -> None:
    model, x = small(kind), random_input(kind, 3, 64, 64)
    weights = {n: p.detach() for n, p in model.named_parameters()}

    def loss(weights: Any, image: Tensor) -> Tensor:
        outs = functional_call(model, weights, (image[None],))
        return sum(out.sin().sum() for out in outs)

    each = vmap(grad(loss), (None, 0))(weights, x)
    sum(out.sin().sum() for out in model(x)).backward()
    largest = max(p.grad.abs().max() for p in model.parameters())
    for name, parameter in model.named_parameters():
        error = (each[name].sum(0) - parameter.grad).abs().max()
        assert error <= 1e-5 * largest, name


@every_kind
@pytest.mark.parametrize('mode', ['gradients', 'no_grad'])
def test_jvp_is_the_derivative(kind: str, mode: str) -> None:
    model = small(kind).double()
    x = random_input(kind, 2, 64, 64).double()
    torch.manual_seed(6)
    tangent = torch.randn_like(x)
    # torch's fused attention of CPUs has no forward-mode derivative.
    with sdpa_kernel(SDPBackend.MATH), MODES[mode]():
        _, got = jvp(model, (x,), (tangent,))
        step = 1e-6
        ahead, behind = model(x + step * tangent), model(x - step * tangent)
    for a, b, d in zip(ahead, behind, got, strict=True):
        expected = (a - b) / (2 * step)
        assert relative_error(d, expected) <= 1e-5


@pytest.mark.parametrize('kind', ['image', 'video', 'light'])
def test_single_precision_tangents_pass_as_well(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    torch.manual_seed(6)
    tangent = torch.randn_like(x)
    derivatives = {}
    for mode in ('plain', 'gradients', 'no_grad'):
        with sdpa_kernel(SDPBackend.MATH), MODES[mode]():
            _, derivatives[mode] = jvp(model, (x,), (tangent,))
    for mode, got in derivatives.items():
        error = relative_error(got, derivatives['plain'])
        assert error <= 1e-4, mode
