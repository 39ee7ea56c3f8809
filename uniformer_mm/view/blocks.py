"""Names of a backbone's blocks: 'stage3.2', as in its ``blocks3.2``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from uniformer_mm.models.backbone import Backbone
from uniformer_mm.models.blocks import AttentionBlock
from uniformer_mm.models.stages import STRIDES

__all__ = [
    'all_blocks',
    'attention_blocks',
    'backbone_of',
    'choose',
    'stride_of',
]


def backbone_of(model: nn.Module) -> Backbone:
    """Return the backbone of a host's model.

    Raises:
        ValueError: It is none of ours.
    """
    backbone = getattr(model, 'backbone', None)
    if not isinstance(backbone, Backbone):
        raise ValueError(
            'view is for models with a UniFormer of this package as backbone, '
            f'got {type(model).__name__} with {type(backbone).__name__}; of '
            'an exported model look at the weights that it was made from'
        )
    return backbone


def all_blocks(backbone: Backbone) -> dict[str, nn.Module]:
    """Return all blocks by name, in the order in which they run."""
    return {
        f'stage{stage}.{j}': block
        for stage in range(1, backbone.num_stages + 1)
        for j, block in enumerate(
            backbone.get_submodule(f'blocks{stage}').children()
        )
    }


def attention_blocks(backbone: Backbone) -> dict[str, AttentionBlock]:
    """Return the blocks of stages 3 and 4 by name, in order.

    Raises:
        ValueError: The backbone ends before stage 3.
    """
    found = {
        name: block
        for name, block in all_blocks(backbone).items()
        if isinstance(block, AttentionBlock)
    }
    if not found:
        raise ValueError(
            'the backbone has no attention: it ends with stage '
            f'{backbone.num_stages}'
        )
    return found


def choose(
    names: Sequence[str] | None, known: dict[str, Any]
) -> dict[str, Any]:
    """Return the named blocks.

    Args:
        names: Such as 'stage3.2'; 'stage3' is the last one of its stage; None
            takes the last one of each.
        known: Blocks by name.

    Raises:
        ValueError: There is no such block.
    """
    lasts = {name.partition('.')[0]: name for name in known}
    if names is None:
        return {name: known[name] for name in lasts.values()}
    for name in names:
        if name not in known and name not in lasts:
            raise ValueError(
                f'no block {name!r} for this; choose from {list(known)}'
            )
    full = [lasts.get(name, name) for name in names]
    return {name: known[name] for name in full}


def stride_of(name: str) -> int:
    """Return the input pixels per token of a block's map."""
    return STRIDES[int(name.removeprefix('stage').partition('.')[0]) - 1]
