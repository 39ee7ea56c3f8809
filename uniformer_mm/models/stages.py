"""What the stages of a backbone are made of, and how deep their parts are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from uniformer_mm.models.blocks import AttentionBlock, ConvBlock
from uniformer_mm.models.layers import ConvEmbed, PatchEmbed
from uniformer_mm.models.specs import ArchSpec

__all__ = ['STRIDES', 'depth_of', 'make_blocks', 'make_embed']

STRIDES = (4, 8, 16, 32)
"""Pixels of the input per pixel of a stage's map."""
PATCH_SIZES = (4, 2, 2, 2)


def make_embed(
    spec: ArchSpec,
    ndim: int,
    i: int,
    in_channels: int,
    temporal_stride_std: bool,
) -> nn.Module:
    """Make the patch embedding of a stage.

    Args:
        spec: The architecture.
        ndim: 2 for images, 3 for videos.
        i: The stage, from 0.
        in_channels: Channels of the stage's input.
        temporal_stride_std: As of ``UniFormer``.
    """
    dim = spec.embed_dims[i]
    if spec.stem == 'conv' or (spec.stem == 'conv_first' and i == 0):
        return ConvEmbed(ndim, in_channels, dim, first=i == 0)
    overlaps = i == 0 or temporal_stride_std
    return PatchEmbed(
        ndim,
        in_channels,
        dim,
        PATCH_SIZES[i],
        time_kernel=3 if overlaps else 1,
        time_stride=2 if i == 0 else 1,
    )


def make_blocks(
    spec: ArchSpec,
    ndim: int,
    i: int,
    attention_block_type: Callable[[int, int], type[AttentionBlock]],
    *,
    drop_rate: float,
    attn_drop_rate: float,
    drop_path_rate: float,
) -> nn.ModuleList:
    """Make the blocks of a stage: local ones in 0 and 1, global ones after.

    Args:
        spec: The architecture.
        ndim: 2 for images, 3 for videos.
        i: The stage, from 0.
        attention_block_type: Class of a global block, by stage and index.
        drop_rate: Dropout in MLPs and after attention.
        attn_drop_rate: Dropout on attention weights.
        drop_path_rate: Stochastic depth of the last block of the backbone.
    """
    rates = drop_path_rates(drop_path_rate, spec.depths)
    blocks = nn.ModuleList()
    for j in range(spec.depths[i]):
        settings: dict[str, Any] = {
            'mlp_ratio': spec.mlp_ratio,
            'drop_rate': drop_rate,
            'drop_path': rates[sum(spec.depths[:i]) + j],
            'layer_scale': spec.layer_scale[i],
        }
        kind: Callable[..., nn.Module] = ConvBlock
        if i >= 2:
            kind = attention_block_type(i, j)
            settings |= {
                'head_dim': spec.head_dim,
                'attn_drop_rate': attn_drop_rate,
            }
        blocks.append(kind(ndim, spec.embed_dims[i], **settings))
    return blocks


def drop_path_rates(rate: float, depths: tuple[int, ...]) -> list[float]:
    """Rates per block, rising linearly from 0 to ``rate`` over the depth."""
    # In numbers of Python: tensors may be fake, or of another device.
    count = sum(depths)
    return [rate * i / max(1, count - 1) for i in range(count)]


def depth_of(param_name: str, depths: tuple[int, ...]) -> int | None:
    """Return the depth of a parameter of a stage; None of all others.

    Args:
        param_name: Name of the parameter in a backbone.
        depths: Blocks per stage.
    """
    name, *rest = param_name.split('.')
    starts = [1 + sum(depths[:i]) for i in range(len(depths))]
    first = {'cls_token': starts[2], 'cls_upsample': starts[3]}
    for i, start in enumerate(starts):
        first[f'patch_embed{i + 1}'] = start if i else 0
        if name == f'blocks{i + 1}':
            return start + int(rest[0])
    return first.get(name)
