"""Class activation maps: which places of a map raise a score.

Of our own, not of the library ``grad-cam``: that takes a model from one tensor
to one tensor and gives maps scaled to pictures; here the score comes out of a
host's whole pipeline, and maps of clips have a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from uniformer_mm.view.recorded import outputs_of

__all__ = ['METHODS', 'activation_maps', 'grad_cam', 'layer_cam']


def layer_cam(features: Tensor, gradient: Tensor) -> Tensor:
    """LayerCAM (Jiang et al., TIP 2021): each place has its own weights.

    Args:
        features: (C, [T,] H, W).
        gradient: Of the score, shaped as ``features``.

    Returns:
        Tensor: ([T,] H, W), >= 0.
    """
    return (gradient.relu() * features).sum(0).relu()


def grad_cam(features: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM (arXiv 1610.02391): a channel has its mean gradient as weight.

    Arguments and result are those of ``layer_cam``.
    """
    weights = gradient.flatten(1).mean(1)
    return torch.einsum('c,c...->...', weights, features).relu()


METHODS = {'layer-cam': layer_cam, 'grad-cam': grad_cam}
"""Name -> function."""


def activation_maps(
    model: nn.Module,
    blocks: Mapping[str, nn.Module],
    score: Callable[[], tuple[Tensor, str]],
    method: str,
) -> tuple[dict[str, Tensor], str]:
    """Compute the maps of several blocks for one score.

    Args:
        model: Holds the blocks; in eval mode, deployed or not.
        blocks: Name -> block.
        score: Runs ``model`` once, and returns a scalar and what it is of.
        method: A key of ``METHODS``.

    Returns:
        tuple: Name -> ([T,] H, W), >= 0, and what the score is of.

    Raises:
        ValueError: The score does not depend on a block, or has no gradient.
    """
    with (
        torch.enable_grad(),
        _frozen(model),
        outputs_of(blocks, grad=True) as kept,
    ):
        value, what = score()
        if not value.requires_grad:
            raise ValueError(f'the score does not depend on {list(blocks)}')
        gradients = torch.autograd.grad(
            value, [kept[name] for name in blocks], allow_unused=True
        )
    maps = {}
    for name, gradient in zip(blocks, gradients, strict=True):
        if gradient is None or not gradient.any():
            raise ValueError(
                f'the score does not depend on block {name}, or is so sure '
                'that it has no gradient'
            )
        features = kept[name].detach()
        maps[name] = METHODS[method](features[0], gradient[0])
    return maps, what


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Compute no gradients before the first map that has them."""
    trained = [p for p in model.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
