"""``psamask_forward`` and ``psamask_backward`` of ``mmcv._ext``.

Sources: Zhao et al., "PSANet: Point-wise Spatial Attention Network for Scene
Parsing" (ECCV 2018); the calls in ``mmcv/ops/psa_mask.py`` (mmcv 2.1.0,
Apache-2.0). Each cell of a map has a mask of weights for the cells around it,
stored along the channels. The result is as large as the map: the weight of
every cell (along the channels) for every other one, 0 where the mask ends.
"Collect" puts the other cell along the channels, "distribute" the cell whose
mask it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

COLLECT, DISTRIBUTE = 0, 1


def psamask_forward(
    features: Tensor,
    output: Tensor,
    *,
    psa_type: int,
    num_: int,
    h_feature: int,
    w_feature: int,
    h_mask: int,
    w_mask: int,
    half_h_mask: int,
    half_w_mask: int,
) -> None:
    """Overwrite ``output (N, H * W, H, W)``.

    Args:
        features: the masks, ``(N, h_mask * w_mask, H, W)``, any type.
        output: the result, of the type of ``features``.
        psa_type: 0 (collect) or 1 (distribute).
        num_: N.
        h_feature: H.
        w_feature: W.
        h_mask: height of a mask.
        w_mask: width of a mask.
        half_h_mask: row of a mask that belongs to its own cell.
        half_w_mask: column of a mask that belongs to its own cell.

    Raises:
        ValueError: ``psa_type`` is neither 0 nor 1.
    """
    _check_type(psa_type)
    size = (h_feature, w_feature)
    values = features.reshape(num_, h_mask, w_mask, *size)
    # The row of a mask is: row of the other cell - row of the cell + half.
    values = _move(values, 1, h_feature, -1, half_h_mask)
    values = _move(values, 2, w_feature, -1, half_w_mask)
    cells = h_feature * w_feature
    values = values.reshape(num_, cells, cells)
    if psa_type == DISTRIBUTE:
        values = values.mT
    output.copy_(values.reshape(output.shape))


def psamask_backward(
    grad_output: Tensor,
    grad_input: Tensor,
    *,
    psa_type: int,
    num_: int,
    h_feature: int,
    w_feature: int,
    h_mask: int,
    w_mask: int,
    half_h_mask: int,
    half_w_mask: int,
) -> None:
    """Overwrite ``grad_input (N, h_mask * w_mask, H, W)``.

    ``grad_output`` is ``(N, H * W, H, W)``; the other arguments and the
    errors are those of :func:`psamask_forward`.
    """
    _check_type(psa_type)
    cells = h_feature * w_feature
    values = grad_output.reshape(num_, cells, cells)
    if psa_type == DISTRIBUTE:
        values = values.mT
    size = (h_feature, w_feature)
    values = values.reshape(num_, *size, *size)
    values = _move(values, 1, h_mask, 1, -half_h_mask)
    values = _move(values, 2, w_mask, 1, -half_w_mask)
    grad_input.copy_(values.reshape(grad_input.shape))


def _check_type(psa_type: int) -> None:
    """Raise ValueError unless ``psa_type`` is one of the two."""
    if psa_type not in (COLLECT, DISTRIBUTE):
        raise ValueError(
            f'psa_type must be 0 (collect) or 1 (distribute), got {psa_type}'
        )


def _move(values: Tensor, dim: int, size: int, sign: int, add: int) -> Tensor:
    """Return ``values (N, a, b, H, W)`` with ``size`` entries along ``dim``.

    Entry i for the cell at j, along the same axis of the map, is the old
    entry i + sign * j + add, or 0 where there is none.
    """
    device = values.device
    entry = torch.arange(size, device=device)[:, None] + add
    source = entry + sign * torch.arange(values.shape[dim + 2], device=device)
    exists = (source >= 0) & (source < values.shape[dim])
    # (size, cells) at the axes dim and dim + 2 of five
    shape = [1] * 5
    shape[dim], shape[dim + 2] = source.shape
    full = list(values.shape)
    full[dim] = size
    index = source.clamp(0, values.shape[dim] - 1).reshape(shape).expand(full)
    return values.gather(dim, index).masked_fill(~exists.reshape(shape), 0)
