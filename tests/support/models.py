"""Small models of every kind, for the tests of the contract."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from uniformer_mm import UniFormer, UniFormerLight

# Small enough to try every combination; same code paths as the real ones.
TINY = {'depths': (1, 1, 4, 1), 'embed_dims': (8, 16, 32, 64), 'head_dim': 16}
LIGHT = {
    'depths': (1, 1, 3, 2),
    'embed_dims': (8, 16, 32, 64),
    'head_dim': 16,
    'stem': 'conv_first',
}
KINDS: dict[str, tuple[type, dict[str, Any]]] = {
    'image': (UniFormer, {'arch': TINY, 'attention': 'hybrid'}),
    'conv_stem': (UniFormer, {'arch': TINY, 'stem': 'conv'}),
    'layer_scale': (UniFormer, {'arch': TINY, 'layer_scale': 0.5}),
    'video': (UniFormer, {'arch': TINY, 'ndim': 3}),
    'split': (
        UniFormer,
        {'arch': TINY, 'ndim': 3, 'split': True, 'temporal_stride_std': True},
    ),
    'light': (UniFormerLight, {'arch': LIGHT}),
    'light_scale': (UniFormerLight, {'arch': LIGHT, 'layer_scale': 0.5}),
    'light_video': (UniFormerLight, {'arch': LIGHT, 'ndim': 3}),
}
every_kind = pytest.mark.parametrize('kind', list(KINDS))


def build(kind: str, **changes: Any) -> Any:
    """Return a model of ``KINDS``, the same on every call."""
    torch.manual_seed(0)
    cls, arguments = KINDS[kind]
    return cls(**{**arguments, **changes})


def random_input(kind: str, n: int, h: int, w: int, t: int = 4) -> Tensor:
    """Return images or videos that ``kind`` takes."""
    torch.manual_seed(1)
    frames = (t,) if KINDS[kind][1].get('ndim') == 3 else ()
    return torch.rand(n, 3, *frames, h, w)


def random_loss(outs: tuple[Tensor, ...]) -> Tensor:
    """A random combination of outputs, the mean over the batch.

    Sums and squares of normalised outputs hardly depend on the model.
    """
    generator = torch.Generator().manual_seed(2)
    return sum(
        (out * torch.randn(out.shape[1:], generator=generator)).sum()
        / len(out)
        for out in outs
    )


def assert_same_gradients(
    got: nn.Module, expected: nn.Module, tolerance: float = 1e-5
) -> None:
    """Compare relative to the largest gradient of each parameter.

    Those of biases before batch norms are zero but for rounding.
    """
    grads = {name: p.grad for name, p in expected.named_parameters()}
    sizes = {name: grad.abs().max() for name, grad in grads.items()}
    zero = 1e-5 * max(sizes.values())
    assert sum(size > 100 * zero for size in sizes.values()) > 0.5 * len(sizes)
    assert grads.keys() == {name for name, _ in got.named_parameters()}
    for name, parameter in got.named_parameters():
        error = (parameter.grad - grads[name]).abs().max()
        small = sizes[name] < zero
        assert error <= (zero if small else tolerance * sizes[name]), name
