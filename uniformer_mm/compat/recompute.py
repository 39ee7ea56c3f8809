"""Gradients of a formula, by running it again under autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def recomputed_gradients(
    function: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    grad_output: Tensor,
) -> tuple[Tensor, ...]:
    """Return one gradient per input, zeros where an input has no part.

    Args:
        function: differentiable, of all ``inputs``, to one tensor.
        inputs: floating tensors, left as they are.
        grad_output: the gradient of what ``function`` returns.
    """
    # Backward functions run without gradients.
    with torch.set_grad_enabled(True):
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        output = function(*leaves)
        if not output.requires_grad:
            return tuple(torch.zeros_like(leaf) for leaf in leaves)
        return torch.autograd.grad(
            output, leaves, grad_output.to(output), materialize_grads=True
        )
