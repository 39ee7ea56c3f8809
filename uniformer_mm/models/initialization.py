"""The values that layers start from."""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ['init_linear', 'reset_layers']


def init_linear(module: nn.Module) -> None:
    """Initialise the linear layers in ``module`` as the paper does.

    NOTE: the official bounds are -2 and 2, a hundred deviations; there the
    sampling by the inverse error function now and then gives a weight of 2.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.1, b=0.1)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def reset_layers(module: nn.Module) -> None:
    """Give what is inside ``module`` the values it has when just built."""
    layer: Any
    # Blocks have the last word on their layers, so they come last.
    for layer in reversed(list(module.modules())[1:]):
        if hasattr(layer, 'reset_parameters'):
            layer.reset_parameters()
        if 'BatchNorm' in type(layer).__name__ and layer.affine:
            # One of another library may start from chance.
            nn.init.ones_(layer.weight)
