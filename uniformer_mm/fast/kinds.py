"""What a layer certainly is: its very class, its settings and its mode.

Classes derived from torch's may compute anything, so they are none of these.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from uniformer_mm.fast.path import is_named

__all__ = [
    'CONVS',
    'drops_nothing',
    'is_depthwise',
    'is_gelu',
    'is_layer_norm',
    'is_mlp',
    'is_norm_or_nothing',
    'is_pointwise',
    'keeps_all',
    'keeps_size',
]

CONVS = (nn.Conv2d, nn.Conv3d)
BATCH_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def is_pointwise(layer: Any) -> bool:
    """Whether it multiplies each token by a weight.

    ``layer`` is a linear layer or a convolution, of whatever class.
    """
    return isinstance(layer, nn.Linear) or (
        set(layer.kernel_size) == set(layer.stride) == {1}
        and set(layer.padding) == {0}
        and layer.groups == 1
    )


def keeps_size(layer: Any) -> bool:
    """Whether it is a convolution whose map is as large as its input."""
    return (
        type(layer) in CONVS
        and layer.in_channels == layer.out_channels
        and layer.padding_mode == 'zeros'
        and set(layer.stride) == set(layer.dilation) == {1}
        and layer.padding == tuple(k // 2 for k in layer.kernel_size)
        and all(k % 2 == 1 for k in layer.kernel_size)
    )


def is_depthwise(layer: Any) -> bool:
    """Whether it convolves each channel by itself, with a cubic kernel."""
    return (
        keeps_size(layer)
        and layer.groups == layer.in_channels
        and len(set(layer.kernel_size)) == 1
    )


def is_norm_or_nothing(layer: Any) -> bool:
    """Whether it is a batch norm of stored statistics, or where one was."""
    return type(layer) is nn.Identity or (
        type(layer) in BATCH_NORMS
        and not layer.training
        and layer.running_mean is not None
    )


def is_layer_norm(layer: Any) -> bool:
    """Whether it normalises each token by itself."""
    return type(layer) is nn.LayerNorm and len(layer.normalized_shape) == 1


def is_gelu(layer: Any) -> bool:
    """Whether it is a GELU by the error function."""
    return type(layer) is nn.GELU and layer.approximate == 'none'


def drops_nothing(layer: Any) -> bool:
    """Whether it is a dropout, or none, that hands on its input."""
    return type(layer) is nn.Identity or (
        type(layer) is nn.Dropout and (not layer.training or layer.p == 0)
    )


def keeps_all(module: Any) -> bool:
    """Whether it is the models' stochastic depth and drops nothing."""
    return is_named(module, 'drop_path') and (
        not module.training or module.drop_prob == 0
    )


def is_mlp(module: Any) -> bool:
    """Whether it is the models' MLP."""
    return is_named(module, 'mlp')
