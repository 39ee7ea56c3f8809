"""``sigmoid_focal_loss_*`` and ``softmax_focal_loss_*`` of ``mmcv._ext``.

Sources: Lin et al., "Focal Loss for Dense Object Detection",
https://arxiv.org/abs/1708.02002; the calls in ``mmcv/ops/focal_loss.py``
(mmcv 2.1.0, Apache-2.0). With p = sigmoid(x), for each sample and class,

    target:  loss = -alpha * (1 - p)^gamma * log(p)
    other:   loss = -(1 - alpha) * p^gamma * log(1 - p)

Both are one formula in q, the probability given to the truth, and its
log-odds (x or -x), because 1 - sigmoid(x) = sigmoid(-x). With softmax there is
the loss of the target class alone. Types below float32 are computed in
float32. NOTE: with sigmoid, mmcv cuts log() off at float32's smallest normal
number; here it is exact.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from uniformer_mm.compat.torchvision_ops import to_kernel_dtype


def sigmoid_focal_loss_forward(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    output: Tensor,
    *,
    gamma: float,
    alpha: float,
) -> None:
    """Overwrite ``output (N, C)`` with the loss of each sample and class.

    Args:
        logits: ``(N, C)``, any floating type.
        target: int64 class of each sample, ``(N,)``, in [0, C]; C means
            background, no class.
        weight: ``(C,)`` weights, each for the samples of one target class;
            an empty tensor means none. Background samples have weight 1.
        output: the result, of the type of ``logits``.
        gamma: focusing exponent, >= 0.
        alpha: share of the target class, in [0, 1].
    """
    x = to_kernel_dtype(logits)
    truth = _one_hot(target, x)
    log_odds = (2 * truth - 1) * x
    loss = -torch.sigmoid(-log_odds).pow(gamma) * logsigmoid(log_odds)
    output.copy_(_factor(truth, weight, alpha) * loss)


def sigmoid_focal_loss_backward(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    grad_input: Tensor,
    *,
    gamma: float,
    alpha: float,
) -> None:
    """Overwrite ``grad_input (N, C)`` with d loss / d logits.

    The caller multiplies by the gradient of the loss. The arguments are those
    of :func:`sigmoid_focal_loss_forward`.
    """
    x = to_kernel_dtype(logits)
    truth = _one_hot(target, x)
    sign = 2 * truth - 1
    log_odds = sign * x
    q, rest = torch.sigmoid(log_odds), torch.sigmoid(-log_odds)
    slope = rest.pow(gamma) * (gamma * q * logsigmoid(log_odds) - rest)
    factor = _factor(truth, weight, alpha)
    grad_input.copy_(sign * factor * slope)


def softmax_focal_loss_forward(
    softmax: Tensor,
    target: Tensor,
    weight: Tensor,
    output: Tensor,
    *,
    gamma: float,
    alpha: float,
) -> None:
    """Overwrite ``output (N,)`` with the loss of each sample.

    Args:
        softmax: ``(N, C)`` probabilities, any floating type.
        target: int64 class of each sample, ``(N,)``. Outside of [0, C - 1]
            the loss is 0. NOTE: mmcv reads behind the end of a row for C.
        weight: ``(C,)`` weights, each for the samples of one target class;
            an empty tensor means none.
        output: the result, of the type of ``softmax``.
        gamma: focusing exponent, >= 0.
        alpha: factor of the loss.
    """
    p, log_p, factor = _of_target(softmax, target, weight, alpha)
    output.copy_(-factor * (1 - p).pow(gamma) * log_p)


def softmax_focal_loss_backward(
    softmax: Tensor,
    target: Tensor,
    weight: Tensor,
    buff: Tensor,  # noqa: ARG001 (mmcv's signature)
    grad_input: Tensor,
    *,
    gamma: float,
    alpha: float,
) -> None:
    """Overwrite ``grad_input (N, C)`` with d loss / d logits.

    The caller multiplies by the gradient of the loss. ``buff`` is memory for
    mmcv's kernels, ignored; the other arguments are those of
    :func:`softmax_focal_loss_forward`.
    """
    p, log_p, factor = _of_target(softmax, target, weight, alpha)
    rest = 1 - p
    slope = gamma * rest.pow(gamma - 1) * p * log_p - rest.pow(gamma)
    x = to_kernel_dtype(softmax)
    grad_input.copy_((factor * slope)[:, None] * (_one_hot(target, x) - x))


def _of_target(
    softmax: Tensor, target: Tensor, weight: Tensor, alpha: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``(N,)`` probabilities, their logarithms, and factors."""
    x = to_kernel_dtype(softmax)
    exists = (target >= 0) & (target < x.shape[1])
    index = target.where(exists, 0)
    p = x.gather(1, index[:, None])[:, 0]
    factor = alpha * exists.to(x)
    if weight.numel() > 0:
        factor = factor * weight.to(x)[index]
    # softmax rounds small probabilities to 0
    return p, p.clamp(min=torch.finfo(x.dtype).tiny).log(), factor


def _one_hot(target: Tensor, logits: Tensor) -> Tensor:
    """Return ``(N, C)``: 1 at the target class, else 0; dtype of logits."""
    classes = torch.arange(logits.shape[1], device=target.device)
    return (target[:, None] == classes).to(logits)


def _factor(truth: Tensor, weight: Tensor, alpha: float) -> Tensor:
    """Return ``(N, C)``: alpha or 1 - alpha, times the sample's weight.

    NOTE: for background mmcv reads behind the end of ``weight``; here it
    is 1.
    """
    balance = alpha * truth + (1 - alpha) * (1 - truth)
    if weight.numel() == 0:
        return balance
    # (N, C) -> (N, 1); a background row of `truth` sums to 0
    is_background = 1 - truth.sum(1, keepdim=True)
    class_weight = (truth * weight).sum(1, keepdim=True)
    return balance * (class_weight + is_background)
