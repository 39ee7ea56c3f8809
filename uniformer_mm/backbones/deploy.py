"""The deployed form: the same function for inference, with less to do.

Batch norms are folded into the convolutions beside them, position embeddings
are one convolution instead of a convolution and a sum, gains of layer scale
are part of the projections before them. Attention, windows and LayerNorms stay
as they are, and so do batch norms of outputs, which have no layer beside them.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from uniformer_mm.backbones.base import StagedBackbone
from uniformer_mm.backbones.blocks import AttentionBlock, ConvBlock
from uniformer_mm.backbones.convs import depthwise
from uniformer_mm.backbones.layers import ConvEmbed
from uniformer_mm.backbones.packed import Packable

__all__ = ['deploy']

Model = TypeVar('Model', bound=nn.Module)


def deploy(model: Model) -> Model:
    """Turn the backbones in ``model`` into their deployed form, in place.

    The outputs stay the same up to rounding: relative error below 1e-4 in
    float32. The parameters are frozen, ``train()`` is refused from then on,
    and saved weights carry a mark, so that they are loaded into deployed
    models alone. ``set_attention`` works as before. On x86 CPUs, in float32,
    linear layers and 1x1 convolutions keep a packed copy of their weights from
    the first call on. It follows the weights where torch counts their changes:
    ``load_state_dict`` does, writing through ``weight.data`` does not.

    Args:
        model (nn.Module): A ``UniFormer`` or ``UniFormerLight``, or what holds
            one: a detector, a ``UniFormerClassifier``. In eval mode.

    Returns:
        nn.Module: ``model`` itself.

    Raises:
        TypeError: ``model`` is not a module.
        ValueError: It holds no backbone of ours, or one deployed already.
        RuntimeError: A backbone in it is in training mode.

    Examples:
        >>> model = deploy(UniFormer('small').eval())
        >>> model.deployed
        True
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f'model must be a torch.nn.Module, got {type(model).__name__}'
        )
    backbones = [m for m in model.modules() if isinstance(m, StagedBackbone)]
    if not backbones:
        raise ValueError(
            'model must be or hold a UniFormer or a UniFormerLight, got '
            f'{type(model).__name__} without one'
        )
    for backbone in backbones:
        name = type(backbone).__name__
        if backbone.deployed:
            raise ValueError(f'this {name} is deployed already')
        if any(module.training for module in backbone.modules()):
            raise RuntimeError(
                f'deploy() needs a {name} in eval mode, whose batch norms '
                'have their final statistics; call .eval() first'
            )
    for backbone in backbones:
        _deploy_backbone(backbone)
    return model


@torch.no_grad()
def _deploy_backbone(backbone: StagedBackbone) -> None:
    for module in list(backbone.modules()):
        if isinstance(module, ConvEmbed):
            _fold_stem(module.proj)
        elif isinstance(module, ConvBlock):
            _fold_norm_before(module.norm1, module.conv1)
            _fold_norm_before(module.norm2, module.mlp.fc1)
            module.norm1 = module.norm2 = nn.Identity()
            module.pos_embed = _with_identity(module.pos_embed, backbone.ndim)
            _fold_gains(module, module.conv2)
        elif isinstance(module, AttentionBlock):
            module.pos_embed = _with_identity(module.pos_embed, backbone.ndim)
            # A third gain, of light models, needs the branches unscaled.
            if getattr(module, 'gamma_3', None) is None:
                _fold_gains(module, module.attn.proj)
        elif isinstance(module, Packable):
            module.keeps_packed = True
    backbone.mark_deployed()


def _fold_stem(layers: nn.Sequential) -> None:
    for i, layer in enumerate(layers):
        if isinstance(layer, _BatchNorm):
            scale, shift = _scale_and_shift(layer)
            conv: Any = layers[i - 1]
            bias = conv.bias.double() * scale + shift
            _set(conv, _times_rows(scale, conv.weight), bias)
            layers[i] = nn.Identity()


def _fold_norm_before(norm: Any, conv: Any) -> None:
    """Let a convolution of kernel 1 do the norm that comes before it."""
    scale, shift = _scale_and_shift(norm)
    weight = conv.weight.double()
    # (out, in, 1, ...) -> (out, in)
    bias = conv.bias.double() + weight.flatten(1) @ shift
    # (in,) -> (in, 1, ...)
    _set(conv, weight * scale.view(-1, *[1] * (weight.ndim - 2)), bias)


def _with_identity(conv: Any, ndim: int) -> nn.Module:
    """Return one convolution for x + conv(x)."""
    weight = conv.weight.double()
    # (C, 1, [3,] 3, 3): the tap that sees the pixel itself
    weight[(slice(None), 0, *[1] * ndim)] += 1
    merged = depthwise(ndim, weight.shape[0], 3).to(conv.weight)
    _set(merged, weight, conv.bias.double())
    return merged.eval()


def _fold_gains(block: Any, projection: Any) -> None:
    for name, layer in (('gamma_1', projection), ('gamma_2', block.mlp.fc2)):
        gamma = getattr(block, name)
        if gamma is None:
            continue
        gamma = gamma.double().flatten()  # (1, C, 1, 1) -> (C,)
        weight = _times_rows(gamma, layer.weight)
        _set(layer, weight, gamma * layer.bias.double())
        setattr(block, name, None)


def _scale_and_shift(norm: Any) -> tuple[Tensor, Tensor]:
    """Return what a batch norm multiplies and adds, (C,) float64 each."""
    scale = (
        norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    )
    return scale, norm.bias.double() - norm.running_mean.double() * scale


def _times_rows(factors: Tensor, weight: Tensor) -> Tensor:
    # (out,) -> (out, 1, ...)
    return factors.view(-1, *[1] * (weight.ndim - 1)) * weight.double()


def _set(layer: Any, weight: Tensor, bias: Tensor) -> None:
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
