"""Adaptive pooling as matrix products, which exports with dynamic sizes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ['MatrixPool', 'replace_pools']


class MatrixPool(nn.Module):
    """What ``nn.AdaptiveAvgPool2d`` computes.

    NOTE: exporters write adaptive pooling as pooling with the kernel that
    fits the first input. A file looks whole then, and is wrong or fails at
    all other sizes.

    Args:
        size: Height and width of the output.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, *size)."""
        rows = _weights(x, x.shape[2], self.size[0])
        columns = _weights(x, x.shape[3], self.size[1])
        # (h, H) @ (N, C, H, W) @ (W, w)
        return rows @ x @ columns.T


def _weights(x: Tensor, length: int, cells: int) -> Tensor:
    """(cells, length): the share of each place in the mean of each cell."""
    places = torch.arange(length, device=x.device)
    cell = torch.arange(cells, device=x.device)[:, None]
    first = cell * length // cells
    after = ((cell + 1) * length + cells - 1) // cells
    inside = ((places >= first) & (places < after)).to(x.dtype)
    return inside / inside.sum(1, keepdim=True)


def replace_pools(model: nn.Module) -> None:
    """Put ``MatrixPool`` where a pool gives more than one value a channel."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is not nn.AdaptiveAvgPool2d:
                continue
            size = child.output_size
            pair = size if isinstance(size, tuple) else (size, size)
            # What is pooled to 1 x 1 is a mean, for exporters too.
            if None not in pair and pair != (1, 1):
                setattr(parent, name, MatrixPool(pair))
