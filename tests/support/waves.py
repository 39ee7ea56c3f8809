"""Values without a pattern, and outputs and gradients compared with them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def wave(*shape: int, step: float = 1.7) -> Tensor:
    """Return values in [-1, 1] without a pattern."""
    size = torch.Size(shape).numel()
    return torch.arange(size).add(1).mul(step).sin().reshape(shape)


def assert_same(
    got: Tensor,
    expected: Tensor,
    leaves: Sequence[Tensor],
) -> None:
    """Compare values, and gradients of ``leaves``, in float64."""
    grad = wave(*expected.shape, step=2.7).double()
    torch.testing.assert_close(
        (got, *torch.autograd.grad(got, leaves, grad)),
        (expected, *torch.autograd.grad(expected, leaves, grad)),
        rtol=0,
        atol=1e-11,
    )
