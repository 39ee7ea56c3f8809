"""MLPs on a CPU: the GELU in the kernel, or its output not kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from uniformer_mm.fast.forms import AS_WRITTEN, Fits, fast_form
from uniformer_mm.fast.gelu import gelu_then
from uniformer_mm.fast.kinds import drops_nothing, is_gelu
from uniformer_mm.fast.leaves import call
from uniformer_mm.fast.linear import multiplies, multiply, multiplying_pays
from uniformer_mm.fast.rules import keeps_saved_tensors

__all__ = ['MLP_OF_TOKENS', 'linear_of_tokens', 'mlp_of_tokens']


# What ``mlp_of_tokens`` takes for granted.
MLP_OF_TOKENS: Mapping[str, Fits] = {
    'fc1': multiplies,
    'act': is_gelu,
    'fc2': multiplies,
    'drop': drops_nothing,
}


def mlp_of_tokens(mlp: Any, tokens: Tensor) -> Tensor:
    """(L, C) -> (L, C), be the layers linear or convolutions of kernel 1."""
    hidden = linear_of_tokens(mlp.fc1, tokens, gelu=True)
    return linear_of_tokens(mlp.fc2, hidden)


def linear_of_tokens(
    layer: Any, tokens: Tensor, *, gelu: bool = False
) -> Tensor:
    """(L, C) -> (L, out) by a layer that ``multiplies``."""
    if multiplying_pays(layer, tokens):
        return multiply(layer, tokens, gelu=gelu)
    # (out, in, 1, ...) -> (out, in)
    y = F.linear(tokens, layer.weight.flatten(1), layer.bias)
    return F.gelu(y) if gelu else y


@fast_form('mlp', grad=False, needs={})
def dropping_mlp(mlp: Any, _: Tensor) -> Any:
    """Random masks follow memory, so memory is left as torch leaves it."""
    return NotImplemented if drops_nothing(mlp.drop) else AS_WRITTEN


@fast_form('mlp', grad=False, needs={'fc1': multiplies, 'act': is_gelu})
def fused_mlp(mlp: Any, x: Tensor) -> Any:
    """Inference on tokens (..., C): the first layer applies the GELU."""
    if not isinstance(mlp.fc1, nn.Linear) or not multiplying_pays(mlp.fc1, x):
        return NotImplemented
    hidden = mlp.drop(multiply(mlp.fc1, x, gelu=True))
    return mlp.drop(call(mlp.fc2, hidden))


@fast_form(
    'mlp', grad=True, needs={'act': is_gelu}, device=None, autocast=True
)
def recomputing_mlp(mlp: Any, x: Tensor) -> Any:
    """Training: of the two wide activations one is kept."""
    if not (mlp.act.training and keeps_saved_tensors()):
        return NotImplemented
    hidden = call(mlp.fc1, x)

    def project(y: Tensor) -> Any:
        return call(mlp.fc2, mlp.drop(y))

    if type(hidden) is Tensor and hidden.requires_grad:
        return mlp.drop(gelu_then(project, hidden))
    return mlp.drop(project(mlp.act(hidden)))
