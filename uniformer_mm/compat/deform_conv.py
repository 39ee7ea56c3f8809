"""``deform_conv_*`` of ``mmcv._ext``: deformable convolution.

Sources: Dai et al., "Deformable Convolutional Networks",
https://arxiv.org/abs/1703.06211; the calls in ``mmcv/ops/deform_conv.py``
(mmcv 2.1.0, Apache-2.0). Shapes, types and errors are those of
``deform_kernel``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from uniformer_mm.compat.deform_kernel import Geometry, convolve, gradients


def deform_conv_forward(
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,  # noqa: ARG001 (mmcv's signature)
    ones: Tensor,  # noqa: ARG001
    **settings: int,
) -> None:
    """Overwrite ``output``.

    ``columns`` and ``ones`` are memory for mmcv's kernels, ignored. The
    ``settings`` are kW, kH (read from ``weight``), dW, dH (strides), padW,
    padH, dilationW, dilationH, group, deformable_group and im2col_step
    (images at a time in mmcv's kernels, ignored).
    """
    inputs = (features, weight, offset, None, None)
    convolve(*inputs, output, _plain_geometry(**settings))


def deform_conv_backward_input(
    features: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,  # noqa: ARG001 (mmcv's signature)
    **settings: int,
) -> None:
    """Overwrite ``grad_input`` and ``grad_offset``.

    The other arguments are those of :func:`deform_conv_forward`.
    """
    inputs = (features, weight, offset, None, None)
    grads = gradients(grad_output, *inputs, _plain_geometry(**settings))
    grad_input.copy_(grads[0])
    grad_offset.copy_(grads[2])


def deform_conv_backward_parameters(
    features: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_weight: Tensor,
    columns: Tensor,  # noqa: ARG001 (mmcv's signature)
    ones: Tensor,  # noqa: ARG001
    *,
    scale: float,
    **settings: int,
) -> None:
    """Overwrite ``grad_weight`` by the gradient times ``scale``.

    The other arguments are those of :func:`deform_conv_forward`.
    """
    # The gradient of the weight does not depend on its values.
    weight = torch.zeros_like(grad_weight)
    inputs = (features, weight, offset, None, None)
    grads = gradients(grad_output, *inputs, _plain_geometry(**settings))
    grad_weight.copy_(grads[1] * scale)


def _plain_geometry(
    *,
    kW: int,  # noqa: ARG001, N803 (mmcv's names)
    kH: int,  # noqa: ARG001, N803
    dW: int,  # noqa: N803
    dH: int,  # noqa: N803
    padW: int,  # noqa: N803
    padH: int,  # noqa: N803
    dilationW: int,  # noqa: N803
    dilationH: int,  # noqa: N803
    group: int,
    deformable_group: int,
    im2col_step: int,  # noqa: ARG001
) -> Geometry:
    """Return the settings of ``deform_conv_*``."""
    spatial = (dH, dW, padH, padW, dilationH, dilationW)
    return Geometry(*spatial, group, deformable_group, use_mask=False)
