"""Layers that exporters tie to one size of picture, written for all sizes.

Exporting them raises no error: the file gives wrong numbers, or fails, at
every size but the first.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ['MatrixPool', 'Upsample', 'open_sizes']


class MatrixPool(nn.Module):
    """What ``nn.AdaptiveAvgPool2d`` computes, as matrix products.

    NOTE: exporters write adaptive pooling as pooling with the kernel that
    fits the first input.

    Args:
        size: Height and width of the output.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, *size)."""
        rows = _shares(x, x.shape[2], self.size[0])
        columns = _shares(x, x.shape[3], self.size[1])
        # (h, H) @ (N, C, H, W) @ (W, w)
        return rows @ x @ columns.T


class Upsample(nn.Module):
    """What ``Upsample`` of mmseg computes, by a whole factor.

    NOTE: mmseg's takes ``int`` of the sides, which is a constant in a graph.

    Args:
        factor: Output side over input side.
        mode: Of the interpolation.
        align_corners: Whether centres of corner pixels meet.
    """

    def __init__(self, factor: int, mode: str, align_corners: Any) -> None:
        super().__init__()
        self.factor = factor
        self.mode = mode
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, factor * H, factor * W)."""
        size = [side * self.factor for side in x.shape[2:]]
        return F.interpolate(
            x, size, mode=self.mode, align_corners=self.align_corners
        )


def _shares(x: Tensor, length: int, cells: int) -> Tensor:
    """(cells, length): the share of each place in the mean of each cell."""
    places = torch.arange(length, device=x.device)
    cell = torch.arange(cells, device=x.device)[:, None]
    first = cell * length // cells
    after = ((cell + 1) * length + cells - 1) // cells
    inside = ((places >= first) & (places < after)).to(x.dtype)
    return inside / inside.sum(1, keepdim=True)


def open_sizes(model: nn.Module) -> None:
    """Put the layers above in the places of those that they stand for."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            stand_in = _stand_in(child)
            if stand_in is not None:
                setattr(parent, name, stand_in)


def _stand_in(layer: Any) -> nn.Module | None:
    if type(layer) is nn.AdaptiveAvgPool2d:
        size: Any = layer.output_size
        pair = size if isinstance(size, tuple) else (size, size)
        # What is pooled to 1 x 1 is a mean, for exporters too.
        if None not in pair and pair != (1, 1):
            return MatrixPool(pair)
    elif f'{type(layer).__module__}.{type(layer).__name__}' == (
        'mmseg.models.utils.wrappers.Upsample'
    ):
        factor = layer.scale_factor
        whole = isinstance(factor, float) and factor.is_integer()
        if whole and not layer.size:
            return Upsample(int(factor), layer.mode, layer.align_corners)
    return None
