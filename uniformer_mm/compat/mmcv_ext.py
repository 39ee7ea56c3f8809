"""Replacement of mmcv's compiled module ``mmcv._ext``, for mmcv-lite.

Executed under the name ``mmcv._ext`` by ``uniformer_mm_autoload``, where no
compiled module exists. ``mmcv.ops`` asks for all of mmcv's names when it is
imported: those not supplied are functions that raise NotImplementedError once
they are called, with the reason in ``missing_ops``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from uniformer_mm.compat.bbox_overlaps import bbox_overlaps
from uniformer_mm.compat.border_align import (
    border_align_backward,
    border_align_forward,
)
from uniformer_mm.compat.carafe import (
    carafe_backward,
    carafe_forward,
    carafe_naive_backward,
    carafe_naive_forward,
)
from uniformer_mm.compat.deform_conv import (
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    deform_conv_forward,
)
from uniformer_mm.compat.deform_roi_pool import (
    deform_roi_pool_backward,
    deform_roi_pool_forward,
)
from uniformer_mm.compat.focal_loss import (
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
    softmax_focal_loss_backward,
    softmax_focal_loss_forward,
)
from uniformer_mm.compat.masked_conv import (
    masked_col2im_forward,
    masked_im2col_forward,
)
from uniformer_mm.compat.missing_ops import explain
from uniformer_mm.compat.modulated_deform_conv import (
    modulated_deform_conv_backward,
    modulated_deform_conv_forward,
)
from uniformer_mm.compat.ms_deform_attn import (
    ms_deform_attn_backward,
    ms_deform_attn_forward,
)
from uniformer_mm.compat.nms import nms, nms_match, softnms
from uniformer_mm.compat.psamask import psamask_backward, psamask_forward
from uniformer_mm.compat.roi_align import roi_align_backward, roi_align_forward
from uniformer_mm.compat.roi_pool import roi_pool_backward, roi_pool_forward
from uniformer_mm.compat.sync_bn import (
    sync_bn_backward_data,
    sync_bn_backward_param,
    sync_bn_forward_mean,
    sync_bn_forward_output,
    sync_bn_forward_var,
)
from uniformer_mm.compat.tin_shift import tin_shift_backward, tin_shift_forward

__all__ = [
    'bbox_overlaps',
    'border_align_backward',
    'border_align_forward',
    'carafe_backward',
    'carafe_forward',
    'carafe_naive_backward',
    'carafe_naive_forward',
    'deform_conv_backward_input',
    'deform_conv_backward_parameters',
    'deform_conv_forward',
    'deform_roi_pool_backward',
    'deform_roi_pool_forward',
    'get_compiler_version',
    'get_compiling_cuda_version',
    'masked_col2im_forward',
    'masked_im2col_forward',
    'modulated_deform_conv_backward',
    'modulated_deform_conv_forward',
    'ms_deform_attn_backward',
    'ms_deform_attn_forward',
    'nms',
    'nms_match',
    'psamask_backward',
    'psamask_forward',
    'roi_align_backward',
    'roi_align_forward',
    'roi_pool_backward',
    'roi_pool_forward',
    'sigmoid_focal_loss_backward',
    'sigmoid_focal_loss_forward',
    'softmax_focal_loss_backward',
    'softmax_focal_loss_forward',
    'softnms',
    'sync_bn_backward_data',
    'sync_bn_backward_param',
    'sync_bn_forward_mean',
    'sync_bn_forward_output',
    'sync_bn_forward_var',
    'tin_shift_backward',
    'tin_shift_forward',
]


def get_compiler_version() -> str:
    """Return ``'n/a'``, which ``mmcv.utils.collect_env`` reports."""
    return 'n/a'


def get_compiling_cuda_version() -> str:
    """Return ``'n/a'``, which ``mmcv.utils.collect_env`` reports."""
    return 'n/a'


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """Return a function that raises NotImplementedError when called.

    Raises:
        AttributeError: ``name`` starts with an underscore; Python's own
            machinery asks for such names and must see that they are missing.
    """
    if name.startswith('_'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

    def not_supplied(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(explain(name))

    return not_supplied
