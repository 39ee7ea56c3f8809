"""What we are measured against: UniFormer as officially formulated.

The operations and their order are those of the official release
(github.com/Sense-X/UniFormer at 52a0415, Apache-2.0), written anew from the
published facts: the attention matrix is stored, maps are NCHW, every attention
block flattens the map to tokens and back, windows are cut by padding and
copying, batch norms stand apart, output norms are copied to NCHW. How a tensor
lies in memory is left to torch, as officially. Parameter names are the
official ones, so the weights of ours fit.

It stands apart from the package on purpose: what makes the package faster must
not make its yardstick faster.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from benchmarks.official_blocks import (
    BATCH_NORM,
    OfficialAttentionBlock,
    OfficialConvBlock,
    OfficialConvStem,
    OfficialPatches,
)
from uniformer_mm import ArchSpec

__all__ = ['OfficialUniFormer']


class OfficialUniFormer(nn.Module):
    """The image model and the video model with joint attention.

    Args:
        spec (ArchSpec): The variant.
        ndim (int): 2 for images, 3 for videos. Defaults to 2.
        attention (str): 'global', 'window' or 'hybrid'. Defaults to 'global'.
        window_size (int): Side of the windows in tokens. Defaults to 14.
        out_norm (str): 'LN' (four maps) or 'BN' (the last alone). Defaults to
            'LN'.
    """

    def __init__(
        self,
        spec: ArchSpec,
        *,
        ndim: int = 2,
        attention: str = 'global',
        window_size: int = 14,
        out_norm: str = 'LN',
    ) -> None:
        super().__init__()
        self.out_norm = out_norm
        dims = (3, *spec.embed_dims)
        for i in range(4):
            is_conv = spec.stem == 'conv' or (spec.stem != 'patch' and i == 0)
            size, time = (4, 2) if i == 0 else (2, 1)
            embed = (
                OfficialConvStem(ndim, dims[i], dims[i + 1], i == 0)
                if is_conv
                else OfficialPatches(ndim, dims[i], dims[i + 1], size, time)
            )
            blocks = [
                self.make_block(spec, ndim, i, j)
                for j in range(spec.depths[i])
            ]
            self.add_module(f'patch_embed{i + 1}', embed)
            self.add_module(f'blocks{i + 1}', nn.ModuleList(blocks))
            if out_norm == 'LN':
                norm = nn.LayerNorm(dims[i + 1], eps=1e-6)
                self.add_module(f'norm{i + 1}', norm)
        if out_norm == 'BN':
            self.norm = BATCH_NORM[ndim](dims[4])
        third: Any = self.blocks3
        for j, block in enumerate(third):
            windowed = attention == 'window' or (
                attention == 'hybrid' and (j + 1) % 4 != 0
            )
            block.window_size = window_size if windowed else None

    def make_block(
        self, spec: ArchSpec, ndim: int, i: int, j: int
    ) -> nn.Module:
        """Return block ``j`` of stage ``i``."""
        dim, scale = spec.embed_dims[i], spec.layer_scale[i]
        if i < 2:
            return OfficialConvBlock(ndim, dim, spec.mlp_ratio, scale)
        return OfficialAttentionBlock(
            ndim, dim, spec.head_dim, spec.mlp_ratio, scale
        )

    def run_stage(self, i: int, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Run the blocks of stage ``i``; pass ``state`` along."""
        for block in getattr(self, f'blocks{i + 1}'):
            x = block(x)
        return x, state

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, [T,] H, W) -> the maps that ``out_norm`` names, NCHW."""
        outs = []
        state: Any = None
        for i in range(4):
            x = self.get_submodule(f'patch_embed{i + 1}')(x)
            x, state = self.run_stage(i, x, state)
            if self.out_norm == 'LN':
                # (N, C, [T,] H, W) -> (N, [T,] H, W, C) -> (N, C, [T,] H, W)
                y = self.get_submodule(f'norm{i + 1}')(x.movedim(1, -1))
                outs.append(y.movedim(-1, 1).contiguous())
        return tuple(outs) if outs else (self.norm(x),)
