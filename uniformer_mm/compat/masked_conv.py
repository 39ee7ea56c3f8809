"""``masked_im2col_forward`` and ``masked_col2im_forward`` of ``mmcv._ext``.

Source: the calls in ``mmcv/ops/masked_conv.py`` (mmcv 2.1.0, Apache-2.0):
a convolution, stride 1, at chosen places alone. The first function gathers
what the kernel sees there, the second puts the results into their places.
There is no gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def masked_im2col_forward(
    features: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    data_col: Tensor,
    *,
    kernel_h: int,
    kernel_w: int,
    pad_h: int,
    pad_w: int,
) -> None:
    """Overwrite ``data_col (C * kernel_h * kernel_w, P)``.

    Args:
        features: ``(1, C, H, W)``, any type.
        mask_h_idx: int64 row of each place, ``(P,)``, in [0, H - 1].
        mask_w_idx: int64 column of each place, ``(P,)``, in [0, W - 1].
        data_col: the result, 0 where the kernel looks outside of the map.
        kernel_h: height of the kernel.
        kernel_w: width of the kernel.
        pad_h: how far above its place the kernel starts.
        pad_w: how far left of its place the kernel starts.
    """
    # Below and on the right, room for a kernel that starts at the last cell.
    maps = pad(features[0], (pad_w, kernel_w, pad_h, kernel_h))
    device = features.device
    # (kernel_h, 1, P) and (1, kernel_w, P)
    rows = torch.arange(kernel_h, device=device)[:, None, None] + mask_h_idx
    columns = torch.arange(kernel_w, device=device)[:, None] + mask_w_idx[None]
    # (C, kernel_h, kernel_w, P)
    data_col.copy_(maps[:, rows, columns].reshape(data_col.shape))


def masked_col2im_forward(
    data_col: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    output: Tensor,
    *,
    height: int,  # noqa: ARG001 (mmcv's signature)
    width: int,  # noqa: ARG001
    channels: int,  # noqa: ARG001
) -> None:
    """Overwrite the places of ``output (1, C, height, width)``.

    The rest of ``output`` is left as it is. ``data_col`` is ``(C, P)``, the
    indices are those of :func:`masked_im2col_forward`.

    Raises:
        IndexError: a place is outside of ``output``, on the CPU.
    """
    output[0, :, mask_h_idx, mask_w_idx] = data_col.to(output)
