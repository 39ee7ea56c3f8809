"""Blocks whose position embedding is one convolution, without a sum."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from uniformer_mm.fast.path import fast_path
from uniformer_mm.models.blocks import (
    AttentionBlock,
    Block,
    ConvBlock,
    SplitAttentionBlock,
)
from uniformer_mm.models.light_blocks import FullBlock, ShrinkBlock

__all__ = ['DEPLOYED']


class _Merged(Block):
    @fast_path('block')
    def forward(self, x: Tensor, *state: Tensor) -> Any:
        """(N, C, [T,] H, W) -> same."""
        return self.mix(self.pos_embed(x), *state)


class DeployedConvBlock(_Merged, ConvBlock):
    """``ConvBlock``, deployed."""


class DeployedAttentionBlock(_Merged, AttentionBlock):
    """``AttentionBlock``, deployed."""


class DeployedSplitAttentionBlock(_Merged, SplitAttentionBlock):
    """``SplitAttentionBlock``, deployed."""


class DeployedFullBlock(_Merged, FullBlock):
    """``FullBlock``, deployed."""


class DeployedShrinkBlock(_Merged, ShrinkBlock):
    """``ShrinkBlock``, deployed."""


DEPLOYED: dict[type, type[Block]] = {
    ConvBlock: DeployedConvBlock,
    AttentionBlock: DeployedAttentionBlock,
    SplitAttentionBlock: DeployedSplitAttentionBlock,
    FullBlock: DeployedFullBlock,
    ShrinkBlock: DeployedShrinkBlock,
}
"""Class of a block -> that of its deployed form."""
