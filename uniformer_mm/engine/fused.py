"""Steps of Adam in one kernel for each parameter.

MMEngine's constructors make a group of each parameter, so torch's usual step
takes a dozen kernels for each of hundreds. Its fused one gives the same
numbers up to rounding. But on a CPU it reads tensors as they lie in memory,
whatever their strides say.
"""

from __future__ import annotations

from typing import Any

import torch
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

__all__ = ['fuse_steps']


def fuse_steps(optim_wrapper: Any) -> None:
    """Have torch's own Adam and AdamW use fused kernels, where they are exact.

    That is, in groups that leave the choice of kernels to torch, of contiguous
    float32 parameters on a CPU or a GPU. A group whose gradients or states
    come to lie in another memory layout than their parameter goes back to the
    usual kernels. A training that is resumed keeps the kernels it had.

    Args:
        optim_wrapper: MMEngine's, or several of them; no step was taken yet.
    """
    several = isinstance(optim_wrapper, OptimWrapperDict)
    for one in optim_wrapper.values() if several else [optim_wrapper]:
        optimizer = one.optimizer
        if type(optimizer) not in (Adam, AdamW):
            continue
        for group in optimizer.param_groups:
            if _chooses_nothing(group) and all(
                map(_is_plain, group['params'])
            ):
                group['fused'] = True
        optimizer.register_step_pre_hook(_keep_exact)


def _chooses_nothing(group: dict[str, Any]) -> bool:
    return (
        group['foreach'] is None
        and group['fused'] is None
        and not group['capturable']
        and not group['differentiable']
        and not isinstance(group['lr'], Tensor)
    )


def _is_plain(parameter: Tensor) -> bool:
    return (
        type(parameter) is nn.Parameter
        and parameter.dtype == torch.float32
        and parameter.layout == torch.strided
        and parameter.device.type in ('cpu', 'cuda')
        and parameter.is_contiguous()
    )


def _keep_exact(optimizer: Optimizer, *_: Any) -> None:
    for group in optimizer.param_groups:
        if group['fused'] and not all(
            _lies_alike(p, optimizer.state.get(p, {})) for p in group['params']
        ):
            group['fused'] = None


def _lies_alike(parameter: Tensor, state: dict[str, Any]) -> bool:
    """Whether all that a step reads lies in memory as ``parameter`` does."""
    read = [value for name, value in state.items() if name != 'step']
    if parameter.grad is not None:
        read.append(parameter.grad)
    layout, order = parameter.layout, _order(parameter)
    return all(one.layout == layout and _order(one) == order for one in read)


def _order(tensor: Tensor) -> list[int]:
    """Return the strides that tell where something lies."""
    if tensor.layout != torch.strided:
        return []
    sides = zip(tensor.shape, tensor.stride(), strict=True)
    return [step for size, step in sides if size > 1]
