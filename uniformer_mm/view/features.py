"""Feature maps as pictures: how strong they are, and what is alike in them."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ['components', 'strength']


def strength(features: Tensor) -> Tensor:
    """Return the length of each token's vector over its mean over the map.

    Args:
        features: (C, [T,] H, W).

    Returns:
        Tensor: ([T,] H, W), float32, >= 0.
    """
    lengths = features.float().norm(dim=0)
    return lengths / lengths.mean().clamp_min(1e-12)


def components(features: Tensor) -> Tensor:
    """Return the three main components of the tokens, as red, green, blue.

    Tokens that are alike have like colours. The sign of a component, which
    nothing says, is such that its largest weight is positive.

    Args:
        features: (C, [T,] H, W), C >= 3.

    Returns:
        Tensor: (3, [T,] H, W), float32, 0-1.
    """
    x = features.flatten(1).double()
    x = x - x.mean(1, keepdim=True)
    _, vectors = torch.linalg.eigh(x @ x.T)
    main = vectors[:, -3:].flip(1)  # eigenvalues ascend
    largest = main.gather(0, main.abs().argmax(0, keepdim=True))
    found = (main * largest.sign()).T @ x
    spread = found.std(1, correction=0, keepdim=True).clamp_min(1e-12)
    colors = (found / spread / 4 + 0.5).clamp(0, 1)  # two deviations each way
    return colors.float().view(3, *features.shape[1:])
