"""The five functions ``sync_bn_*`` of ``mmcv._ext``.

Sources: Ioffe and Szegedy, "Batch Normalization",
https://arxiv.org/abs/1502.03167; the calls in ``mmcv/ops/sync_bn.py`` (mmcv
2.1.0, Apache-2.0), which add up statistics and gradients over processes
between them. Inputs are ``(N, C, L)``, float32 or float16; all statistics are
``(C,)`` float32.
"""

from __future__ import annotations

from torch import Tensor

OVER_SAMPLES = (0, 2)


def sync_bn_forward_mean(values: Tensor, mean: Tensor) -> None:
    """Overwrite ``mean`` by that of ``values``."""
    mean.copy_(values.float().mean(OVER_SAMPLES))


def sync_bn_forward_var(values: Tensor, mean: Tensor, var: Tensor) -> None:
    """Overwrite ``var`` by the mean square distance to ``mean``."""
    distance = values.float() - mean[:, None]
    var.copy_(distance.square().mean(OVER_SAMPLES))


def sync_bn_forward_output(
    values: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    norm: Tensor,
    std: Tensor,
    output: Tensor,
    *,
    eps: float,
    momentum: float | Tensor,
    group_size: int,
) -> None:
    """Overwrite ``norm``, ``std`` and ``output``; update what is running.

    Args:
        values: the input.
        mean: mean over all processes.
        var: variance over all processes, of the population.
        weight: factors of the output, None for 1.
        bias: added to the output, None for 0.
        running_mean: None, or updated by ``mean``.
        running_var: None, or updated by the variance of the sample.
        norm: float32 ``(N, C, L)``, the normalized input.
        std: ``(C,)``, square root of ``var + eps``.
        output: the result, of the type of ``values``.
        eps: added to the variance.
        momentum: share of the new statistics in the running ones.
        group_size: number of processes, each with as many values.
    """
    std.copy_((var + eps).sqrt())
    norm.copy_((values.float() - mean[:, None]) / std[:, None])
    scaled = norm
    if weight is not None and bias is not None:
        scaled = norm * weight[:, None] + bias[:, None]
    output.copy_(scaled)
    if running_mean is not None and running_var is not None:
        count = values.shape[0] * values.shape[2] * group_size
        sample_var = var * count / (count - 1) if count > 1 else var
        running_mean.copy_(momentum * mean + (1 - momentum) * running_mean)
        running_var.copy_(momentum * sample_var + (1 - momentum) * running_var)


def sync_bn_backward_param(
    grad_output: Tensor, norm: Tensor, grad_weight: Tensor, grad_bias: Tensor
) -> None:
    """Overwrite ``grad_weight`` and ``grad_bias`` by those of this process."""
    grad = grad_output.float()
    grad_weight.copy_((grad * norm).sum(OVER_SAMPLES))
    grad_bias.copy_(grad.sum(OVER_SAMPLES))


def sync_bn_backward_data(
    grad_output: Tensor,
    weight: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    norm: Tensor,
    std: Tensor,
    grad_input: Tensor,
) -> None:
    """Overwrite ``grad_input``.

    ``grad_weight`` and ``grad_bias`` are means over the processes, ``norm``
    and ``std`` what :func:`sync_bn_forward_output` wrote.
    """
    count = grad_output.shape[0] * grad_output.shape[2]
    common = grad_weight[:, None] * norm + grad_bias[:, None]
    grad = grad_output.float() - common / count
    grad_input.copy_(grad * (weight / std)[:, None])
