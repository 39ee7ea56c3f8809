"""``modulated_deform_conv_*`` of ``mmcv._ext``: a factor for each tap.

Sources: Zhu et al., "Deformable ConvNets v2: More Deformable, Better Results",
https://arxiv.org/abs/1811.11168; the calls in
``mmcv/ops/modulated_deform_conv.py`` (mmcv 2.1.0, Apache-2.0). Shapes, types
and errors are those of ``deform_kernel``.

NOTE: ``offset`` and ``mask`` may be larger than there, which mmdet's DyHead
relies on. As in mmcv, the first values of each sample count then, laid out
anew.
"""

from __future__ import annotations

import math

from torch import Tensor

from uniformer_mm.compat.deform_kernel import Geometry, convolve, gradients


def modulated_deform_conv_forward(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,  # noqa: ARG001 (mmcv's signature)
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,  # noqa: ARG001
    *,
    with_bias: bool,
    **settings: int,
) -> None:
    """Overwrite ``output``.

    ``ones`` and ``columns`` are memory for mmcv's kernels, ignored. ``bias``
    counts only if ``with_bias``. The ``settings`` are kernel_h, kernel_w
    (read from ``weight``), stride_h, stride_w, pad_h, pad_w, dilation_h,
    dilation_w, group and deformable_group.

    Raises:
        ValueError: ``offset`` or ``mask`` has too few values.
    """
    geometry = _modulated_geometry(**settings)
    inputs = _with_mask(features, weight, offset, mask, output, geometry)
    convolve(*inputs, bias if with_bias else None, output, geometry)


def modulated_deform_conv_backward(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,  # noqa: ARG001 (mmcv's signature)
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,  # noqa: ARG001
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    *,
    with_bias: bool,
    **settings: int,
) -> None:
    """Overwrite the five gradients; ``grad_bias`` only if ``with_bias``.

    The other arguments and the errors are those of
    :func:`modulated_deform_conv_forward`.
    """
    geometry = _modulated_geometry(**settings)
    inputs = _with_mask(features, weight, offset, mask, grad_output, geometry)
    grads = gradients(
        grad_output, *inputs, bias if with_bias else None, geometry
    )
    grad_input.copy_(grads[0])
    grad_weight.copy_(grads[1])
    _write_first_values(grad_offset, grads[2])
    _write_first_values(grad_mask, grads[3])
    if with_bias:
        grad_bias.copy_(grads[4])


def _modulated_geometry(
    *,
    kernel_h: int,  # noqa: ARG001 (mmcv's names)
    kernel_w: int,  # noqa: ARG001
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
) -> Geometry:
    """Return the settings of ``modulated_deform_conv_*``."""
    spatial = (stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w)
    return Geometry(*spatial, group, deformable_group, use_mask=True)


def _with_mask(
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    geometry: Geometry,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the first four, offset and mask in the shapes for ``output``.

    Raises:
        ValueError: ``offset`` or ``mask`` has too few values.
    """
    taps = geometry.offset_groups * weight.shape[2] * weight.shape[3]
    places = (len(features), 2 * taps, *output.shape[2:])
    factors = (len(features), taps, *output.shape[2:])
    return (
        features,
        weight,
        _first_values('offset', offset, places),
        _first_values('mask', mask, factors),
    )


def _first_values(name: str, values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the first values of each sample in ``shape``.

    Raises:
        ValueError: there are too few.
    """
    if values.shape == shape:
        return values
    needed = math.prod(shape[1:])
    flat = values.flatten(1)
    if len(values) != shape[0] or flat.shape[1] < needed:
        raise ValueError(
            f'{name} must have the shape {shape}, or more values per sample, '
            f'got {tuple(values.shape)}'
        )
    return flat[:, :needed].reshape(shape)


def _write_first_values(target: Tensor, values: Tensor) -> None:
    """Overwrite the first values of each sample, and the rest by 0."""
    if target.shape == values.shape:
        target.copy_(values)
        return
    flat = values.new_zeros(len(target), math.prod(target.shape[1:]))
    flat[:, : math.prod(values.shape[1:])] = values.flatten(1)
    target.copy_(flat.reshape(target.shape))
