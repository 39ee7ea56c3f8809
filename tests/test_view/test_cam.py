"""Activation maps against gradients taken by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.support.models import random_input
from tests.support.small import small
from uniformer_mm import deploy
from uniformer_mm.view.cam import activation_maps, grad_cam, layer_cam

BLOCKS = ('blocks1.0', 'blocks3.1', 'blocks4.0')


def of_outputs(y: Tensor) -> Tensor:
    """(N, C, ...) -> (N,): it depends on each value otherwise."""
    weights = torch.arange(y[0].numel(), dtype=y.dtype).sin()
    return y.flatten(1) @ weights


@pytest.mark.parametrize('deployed', [False, True])
@pytest.mark.parametrize('kind', ['conv_stem', 'light', 'video'])
@pytest.mark.parametrize('method', ['layer-cam', 'grad-cam'])
def test_by_differences(kind: str, deployed: bool, method: str) -> None:
    """Its gradient is what the score changes by, in float64."""
    model = small(kind).double()
    if deployed:
        deploy(model)
    x = random_input(kind, 1, 64, 64).double()
    blocks = {name: model.get_submodule(name) for name in BLOCKS}
    trained = [p for p in model.parameters() if p.requires_grad]
    features, gradient = by_differences(model, blocks['blocks4.0'], x)
    channels = features.reshape(len(features), -1)
    seen = []
    for sign in (1, -1):  # one of them may lower all values
        slopes = sign * gradient.reshape(len(features), -1)
        if method == 'layer-cam':
            expected = (np.maximum(slopes, 0) * channels).sum(0)
        else:
            expected = (slopes.mean(1)[:, None] * channels).sum(0)
        expected = np.maximum(expected, 0)
        seen.append(expected.any())

        def score(sign: int = sign) -> tuple[Tensor, str]:
            return sign * of_outputs(model(x)[-1])[0], 'it'

        maps, what = activation_maps(model, blocks, score, method)
        assert what == 'it'
        got = maps['blocks4.0']
        assert got.shape == features.shape[1:]
        np.testing.assert_allclose(
            got.flatten(), expected, rtol=1e-4, atol=1e-4 * expected.max()
        )
        assert all(maps[name].ndim == got.ndim for name in BLOCKS)
    assert any(seen)
    assert trained == [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is None for p in trained)


def by_differences(
    model: Any, block: nn.Module, x: Tensor, step: float = 1e-5
) -> tuple[Any, Any]:
    """The map of the last block, and the slope of the score by its values."""
    kept: list[Any] = []
    handle = block.register_forward_hook(lambda _, __, y: kept.append(y))
    with torch.no_grad():
        model(x)
        handle.remove()
        y = kept[0][0] if isinstance(kept[0], tuple) else kept[0]
        # A sample for each value that is changed.
        steps = step * torch.eye(y.numel(), dtype=y.dtype)
        steps = steps.view(-1, *y.shape[1:])
        up, down = (
            of_outputs(model.normalize(3, y + sign * steps))
            for sign in (1, -1)
        )
    return y[0].numpy(), ((up - down) / (2 * step)).view(y[0].shape).numpy()


def test_the_formulas() -> None:
    features = torch.tensor(
        [[[1.0, 2.0], [3.0, -4.0]], [[1.0, 0.0], [5.0, 2]]]
    )
    gradient = torch.tensor([[[1.0, -2.0], [1.0, 2.0]], [[-1.0, 3], [1, 1.0]]])
    assert layer_cam(features, gradient).tolist() == [[1, 0], [8, 0]]
    # Mean gradients are 1/2 and 1.
    assert grad_cam(features, gradient).tolist() == [[1.5, 1], [6.5, 0]]


def test_a_score_that_does_not_depend() -> None:
    model = small('layer_scale')
    x = random_input('image', 1, 64, 64)
    with pytest.raises(ValueError, match=r'does not depend on .*blocks4'):
        activation_maps(
            model,
            {'blocks4.0': model.blocks4[0]},
            lambda: (model(x)[2].sum(), ''),
            'layer-cam',
        )


@pytest.mark.parametrize('method', ['LayerCAM', 'GradCAM'])
def test_the_same_as_the_library(method: str) -> None:
    """As far as that goes: pictures, one tensor, scaled to 0-1."""
    library = pytest.importorskip('pytorch_grad_cam')
    model = small('layer_scale', out_indices=(3,), as_tuple=False)
    x = random_input('image', 1, 96, 64)
    block = model.blocks3[1]

    def logits(y: Tensor) -> Tensor:
        return y.flatten(2).mean(2)

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x: Tensor) -> Tensor:
            return logits(self.inner(x))

    cam = getattr(library, method)(Pooled().eval(), [block])
    cam.compute_input_gradient = False
    target = library.utils.model_targets.ClassifierOutputTarget(3)
    (expected,) = cam(x, [target])
    ours = 'layer-cam' if method == 'LayerCAM' else 'grad-cam'
    maps, _ = activation_maps(
        model, {'b': block}, lambda: (logits(model(x))[0, 3], ''), ours
    )
    from uniformer_mm.view.panels import enlarge

    found = maps['b'] - maps['b'].min()
    big = enlarge(found / found.max(), 16, np.zeros((1, 96, 64, 3)))[0]
    assert np.corrcoef(big.ravel(), expected.ravel())[0, 1] > 0.98
