"""One bilinear sample by its definition, differentiable in all arguments."""

from __future__ import annotations

import torch
from torch import Tensor


def sample(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Return (C,) at ``(y, x)`` of ``image (C, H, W)``; 0 outside.

    Deformable Convolutional Networks, equations 3 and 4: every cell counts by
    max(0, 1 - distance) along each axis.
    """
    rows, columns = (torch.arange(n).to(image) for n in image.shape[1:])
    weight_y = (1 - (rows - y).abs()).clamp(min=0)
    weight_x = (1 - (columns - x).abs()).clamp(min=0)
    return torch.einsum('chw,h,w->c', image, weight_y, weight_x)


def sample_with_border(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Return (C,): RoIAlign's rule, where the border counts for one cell."""
    height, width = image.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return image.new_zeros(len(image))
    return sample(image, y.clamp(0, height - 1), x.clamp(0, width - 1))
