"""The smallest models of every kind, with norms and gains far from neutral."""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tests.support.models import KINDS, LIGHT, TINY, build, random_input

DEPTHS = (1, 1, 2, 1)  # one block of every sort


def small(kind: str, **changes: Any) -> Any:
    """A model of ``KINDS`` in eval mode, the same on every call."""
    arch = LIGHT if kind.startswith('light') else TINY
    model = build(kind, **{'arch': {**arch, 'depths': DEPTHS}, **changes})
    stir(model)
    return model.eval()


@torch.no_grad()
def stir(model: nn.Module) -> None:
    """Move statistics, scales and gains away from where they start."""
    generator = torch.Generator().manual_seed(3)

    def uniform(tensor: Tensor | None, low: float, high: float) -> None:
        if tensor is not None:
            tensor.uniform_(low, high, generator=generator)

    for module in model.modules():
        if isinstance(module, (_BatchNorm, nn.LayerNorm)):
            uniform(module.weight, 0.5, 2)
            uniform(module.bias, -1, 1)
        if isinstance(module, _BatchNorm):
            uniform(module.running_mean, -1, 1)
            uniform(module.running_var, 0.2, 3)
    for name, parameter in model.named_parameters():
        if 'gamma_' in name:
            uniform(parameter, -1, 1)
        if 't_attn.' in name or 'cls_token' in name:
            # They start as zeros and ones, which hide what follows.
            uniform(parameter, -0.5, 0.5)
        if '.mlp.' in name:
            # Where a GELU is neither 0 nor the identity, it counts.
            parameter.mul_(3)


def few_tokens(kind: str) -> Tensor:
    """The smallest inputs that leave several tokens in stage 4."""
    return random_input(kind, 1, 64, 64)


def many_tokens(kind: str) -> Tensor:
    """Inputs with over 2048 tokens in stage 1, more than fit one tile.

    Two tiles are not two samples.
    """
    if KINDS[kind][1].get('ndim') == 3:
        return random_input(kind, 3, 80, 76)
    return random_input(kind, 3, 112, 108)


def tensors_of(value: Any) -> list[Tensor]:
    """The tensors in what modules take and return, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in tensors_of(item)]
    return []


def through_a_file(module: nn.Module) -> Any:
    """Save it as a whole and read it back."""
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)  # written right above


def relative_error(got: Any, expected: Any) -> float:
    """The largest error over the largest value, the worst of all outputs."""
    pairs = list(zip(tensors_of(got), tensors_of(expected), strict=True))
    assert pairs
    assert all(a.shape == b.shape for a, b in pairs)
    assert all(a.dtype == b.dtype for a, b in pairs)
    errors = [(a - b).abs().max() / b.abs().max() for a, b in pairs]
    return max(float(error.detach()) for error in errors)
