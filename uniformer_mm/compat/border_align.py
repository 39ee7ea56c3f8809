"""``border_align_forward`` and ``border_align_backward`` of ``mmcv._ext``.

Sources: Qiu et al., "BorderDet", https://arxiv.org/abs/2007.11056; the calls
in ``mmcv/ops/border_align.py`` (mmcv 2.1.0, Apache-2.0). Channels come in four
parts, for the top, left, bottom and right border of a box; of the bilinear
samples along a border, from its start to its end, the largest counts. Top and
left start at the corner (x1, y1), bottom and right at (x2, y2). Types below
float32 are computed in float32 and rounded once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from uniformer_mm.compat.recompute import recomputed_gradients
from uniformer_mm.compat.sampling import sample_maps
from uniformer_mm.compat.torchvision_ops import to_kernel_dtype


def border_align_forward(
    features: Tensor,
    boxes: Tensor,
    output: Tensor,
    argmax_idx: Tensor,
    *,
    pool_size: int,
) -> None:
    """Overwrite ``output`` and ``argmax_idx``.

    Args:
        features: ``(N, 4 * C, H, W)``, any floating type.
        boxes: ``(N, K, 4)``: x1, y1, x2, y2 in cells.
        output: ``(N, C, K, 4)``, of the type of ``features``.
        argmax_idx: int32, shape of ``output``: the number of the sample that
            counted.
        pool_size: steps along a border, one fewer than samples.
    """
    samples = _samples(to_kernel_dtype(features), boxes, pool_size)
    best, index = samples.max(-1)
    output.copy_(best)
    argmax_idx.copy_(index)


def border_align_backward(
    grad_output: Tensor,
    boxes: Tensor,
    argmax_idx: Tensor,
    grad_input: Tensor,
    *,
    pool_size: int,
) -> None:
    """Overwrite ``grad_input (N, 4 * C, H, W)``.

    ``argmax_idx`` is what :func:`border_align_forward` wrote,
    ``grad_output`` has its shape. On CUDA the sums run in no fixed order.
    """
    index = argmax_idx.long()[..., None]
    # Samples are linear in the features: any values have their gradient.
    features = torch.zeros_like(to_kernel_dtype(grad_input))
    grads = recomputed_gradients(
        lambda maps: _samples(maps, boxes, pool_size).gather(-1, index)[
            ..., 0
        ],
        (features,),
        grad_output,
    )
    grad_input.copy_(grads[0])


def _samples(maps: Tensor, boxes: Tensor, pool_size: int) -> Tensor:
    """Return ``(N, C, K, 4, pool_size + 1)``."""
    x1, y1, x2, y2 = boxes.to(maps)[..., None].unbind(2)
    step = torch.arange(pool_size + 1).to(maps) / pool_size
    right, down = (x2 - x1) * step, (y2 - y1) * step
    # Each (N, K, pool_size + 1)
    borders = (
        (x1 + right, y1.expand_as(right)),
        (x1.expand_as(down), y1 + down),
        (x2 - right, y2.expand_as(right)),
        (x2.expand_as(down), y2 - down),
    )
    values = [
        sample_maps(part, y.flatten(1), x.flatten(1))
        for part, (x, y) in zip(maps.chunk(4, 1), borders, strict=True)
    ]
    # 4 of (N, C, K * samples) -> (N, C, K, 4, samples)
    stacked = torch.stack(values, 2)
    num, channels = stacked.shape[:2]
    shape = (num, channels, 4, boxes.shape[1], pool_size + 1)
    return stacked.reshape(shape).transpose(2, 3)
