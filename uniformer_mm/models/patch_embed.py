"""The two ways in which a stage starts: from patches of a map to its pixels.

Re-implemented from the paper (arXiv 2201.09450) and from the facts of the
official release (github.com/Sense-X/UniFormer at 52a0415, Apache-2.0).
"""

from __future__ import annotations

from torch import Tensor, nn

from uniformer_mm.fast.path import fast_path
from uniformer_mm.models.layers import (
    BATCH_NORMS,
    CONVS,
    channel_norm,
    channels_last,
    per_axis,
)

__all__ = ['ConvEmbed', 'PatchEmbed']


class PatchEmbed(nn.Module):
    """Non-overlapping patches: conv with kernel = stride, then LayerNorm.

    A remainder of the map that fills no patch is dropped, as officially:
    output side = floor(input side / patch_size). Over time the patches of
    videos may overlap, padded so that ceil(T / time_stride) frames come out.

    Args:
        ndim (int): 2 for images, 3 for videos.
        in_channels (int): Channels of the input map.
        embed_dim (int): Channels of the output map.
        patch_size (int): Kernel and stride in pixels of the input map.
        time_kernel (int): Kernel over frames, odd.
        time_stride (int): Stride over frames.
    """

    def __init__(
        self,
        ndim: int,
        in_channels: int,
        embed_dim: int,
        patch_size: int,
        time_kernel: int,
        time_stride: int,
    ) -> None:
        super().__init__()
        # eps 1e-5 here, 1e-6 in every other LayerNorm: as officially.
        self.norm = nn.LayerNorm(embed_dim, eps=1e-5)
        self.proj = CONVS[ndim](
            in_channels,
            embed_dim,
            per_axis(ndim, time_kernel, patch_size),
            per_axis(ndim, time_stride, patch_size),
            per_axis(ndim, time_kernel // 2, 0),
        )

    @fast_path('patch_embed')
    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> (N, embed_dim, [T',] H', W')."""
        return channel_norm(self.proj(x), self.norm)


class ConvEmbed(nn.Module):
    """Overlapping patches: convolutions of kernel 3, stride 2, batch norm.

    Each convolution rounds odd sides up: output side = ceil(input side / 2).

    Args:
        ndim (int): 2 for images, 3 for videos.
        in_channels (int): Channels of the input map.
        embed_dim (int): Channels of the output map.
        first (bool): The first stage has two convolutions and so a stride of
            4; over time, kernel 3 twice and stride 2 once.
    """

    def __init__(
        self, ndim: int, in_channels: int, embed_dim: int, first: bool
    ) -> None:
        super().__init__()
        conv, norm = CONVS[ndim], BATCH_NORMS[ndim]
        if first:
            half = embed_dim // 2
            slow = per_axis(ndim, 1, 2)
            self.proj = nn.Sequential(
                conv(in_channels, half, 3, slow, padding=1),
                norm(half),
                nn.GELU(),
                conv(half, embed_dim, 3, 2, padding=1),
                norm(embed_dim),
            )
        else:
            # NOTE: there is no published video model with this stem; one
            # frame per kernel, like the patches of stages 2-4, inflates as
            # they do.
            self.proj = nn.Sequential(
                conv(
                    in_channels,
                    embed_dim,
                    per_axis(ndim, 1, 3),
                    per_axis(ndim, 1, 2),
                    per_axis(ndim, 0, 1),
                ),
                norm(embed_dim),
            )

    @fast_path('conv_embed')
    def forward(self, x: Tensor) -> Tensor:
        """(N, C, [T,] H, W) -> (N, embed_dim, [T',] H', W')."""
        # torch's convolutions of small videos leave channels-last memory.
        return channels_last(self.proj(x))
