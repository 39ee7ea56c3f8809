"""One call of mmcv's Python, or more, for every op that we supply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.box_cases import random_boxes
from tests.support.waves import wave

ops = pytest.importorskip('mmcv.ops')
from mmcv import _ext  # noqa: E402
from mmcv.ops import multi_scale_deform_attn, psa_mask, sync_bn  # noqa: E402

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Op:
    """A function of mmcv, what it calls of ours, and its tensors.

    ``differentiable`` and ``samples`` are places of tensors: those that have
    a gradient, and those that are empty when there is nothing to do (no
    places: mmcv itself fails then). ``dtypes`` are those that mmcv takes and
    does not compute in itself.
    """

    supplied: tuple[str, ...]
    function: Callable[..., Any]
    tensors: tuple[Tensor, ...]
    settings: tuple[Any, ...] = ()
    differentiable: tuple[int, ...] = ()
    samples: tuple[int, ...] = (0, 1)
    dtypes: tuple[torch.dtype, ...] = FLOATS

    def with_tensor(self, place: int, tensor: Tensor) -> Op:
        tensors = list(self.tensors)
        tensors[place] = tensor
        return replace(self, tensors=tuple(tensors))

    def to(self, dtype: torch.dtype) -> Op:
        """Return this op on floating tensors of ``dtype``."""
        return replace(
            self,
            tensors=tuple(
                t.to(dtype) if t.is_floating_point() else t
                for t in self.tensors
            ),
        )

    def forward(self, *tensors: Tensor) -> list[Tensor]:
        out = self.function(*tensors, *self.settings)
        return [out] if isinstance(out, Tensor) else list(out)

    def run(self, grad: Tensor | None = None) -> list[Tensor]:
        """Return all results, then the gradients for that of the first."""
        tensors = [
            t.detach().requires_grad_(place in self.differentiable)
            for place, t in enumerate(self.tensors)
        ]
        outs = self.forward(*tensors)
        if not self.differentiable:
            return outs
        if grad is None:
            grad = wave(*outs[0].shape).to(outs[0])
        leaves = [tensors[place] for place in self.differentiable]
        grads = torch.autograd.grad(
            outs[0], leaves, grad, materialize_grads=True
        )
        return [*(out.detach() for out in outs), *grads]


def naive_carafe(features: Tensor, masks: Tensor) -> tuple[Tensor, ...]:
    """Return output and gradients: mmcv has none of them on the CPU."""
    sizes = {'kernel_size': 3, 'group_size': 2, 'scale_factor': 2}
    num, channels, height, width = features.shape
    output = features.new_zeros(num, channels, 2 * height, 2 * width)
    _ext.carafe_naive_forward(features, masks, output, **sizes)
    grads = torch.zeros_like(features), torch.zeros_like(masks)
    # the same in float16
    grad = wave(*output.shape).sign().to(output)
    _ext.carafe_naive_backward(grad, features, masks, *grads, **sizes)
    return output, *grads


def sync_batch_norm(
    values: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, ...]:
    """Return the output and the new running statistics."""
    mean, var = mean.clone(), var.clone()
    out = sync_bn.SyncBatchNormFunction.apply(
        values, mean, var, weight, bias, 0.1, 1e-5, None, 1, 'default'
    )
    return out, mean, var


SIZE = (2, 3)
MAPS = wave(2, 3, 5, 7)
WIDE = wave(2, 8, 5, 6)
ROIS = torch.tensor(
    [
        [0, 1.3, 2.1, 9.2, 7.7],
        [1, -5.0, -3.0, 6.0, 5.0],
        [1, 0.0, 0.0, 14.0, 10.0],
        [0, 4.0, 4.0, 4.6, 4.5],
    ]
)
LOGITS = wave(6, 4, step=2.3) * 4
TARGET = torch.tensor([0, 1, 2, 3, 4, 4])  # 4: background
WEIGHT = torch.tensor([0.5, 2.0, 1.5, 0.0])
BOXES, SCORES = (t.float() for t in random_boxes(40))
LEVELS = torch.tensor([[2, 2], [3, 4]])
STARTS = torch.tensor([0, 4])
PLACES = wave(2, 5, 2, 2, 3, 2, step=2.9) * 0.6 + 0.5

OPS = {
    **{
        f'roi_align{"_aligned" * aligned}_{ratio}': Op(
            ('roi_align_forward', 'roi_align_backward'),
            ops.roi_align,
            (MAPS, ROIS),
            (SIZE, 0.5, ratio, 'avg', aligned),
            differentiable=(0,),
            samples=(1,),
        )
        for aligned in (False, True)
        for ratio in (-1, 0, 1, 2, 3)
    },
    'roi_pool': Op(
        ('roi_pool_forward', 'roi_pool_backward'),
        ops.roi_pool,
        (MAPS, ROIS),
        (SIZE, 0.5),
        differentiable=(0,),
        samples=(1,),
    ),
    **{
        f'deform_roi_pool_{ratio}': Op(
            ('deform_roi_pool_forward', 'deform_roi_pool_backward'),
            ops.deform_roi_pool,
            (MAPS, ROIS, wave(4, 2, *SIZE)),
            (SIZE, 0.5, ratio, 0.3),
            differentiable=(0, 2),
            samples=(1, 2),
        )
        for ratio in (0, 2)
    },
    'border_align': Op(
        ('border_align_forward', 'border_align_backward'),
        ops.border_align,
        (WIDE, ROIS[:, 1:].reshape(2, 2, 4) / 2),
        (3,),
        differentiable=(0,),
    ),
    'deform_conv': Op(
        (
            'deform_conv_forward',
            'deform_conv_backward_input',
            'deform_conv_backward_parameters',
        ),
        ops.deform_conv2d,
        (WIDE, wave(2, 36, 3, 3, step=2.3), wave(4, 4, 3, 3)),
        ((2, 2), (1, 2), (1, 2), 2, 2),
        differentiable=(0, 1, 2),
        samples=(),
    ),
    'modulated_deform_conv': Op(
        ('modulated_deform_conv_forward', 'modulated_deform_conv_backward'),
        ops.modulated_deform_conv2d,
        (
            WIDE,
            wave(2, 36, 3, 3, step=2.3),
            wave(2, 18, 3, 3, step=1.3),
            wave(4, 4, 3, 3),
            wave(4),
        ),
        ((2, 2), (1, 2), (1, 2), 2, 2),
        differentiable=(0, 1, 2, 3, 4),
        samples=(),
    ),
    'ms_deform_attn': Op(
        ('ms_deform_attn_forward', 'ms_deform_attn_backward'),
        multi_scale_deform_attn.MultiScaleDeformableAttnFunction.apply,
        (wave(2, 16, 2, 3), LEVELS, STARTS, PLACES, wave(2, 5, 2, 2, 3)),
        (64,),
        differentiable=(0, 3, 4),
        samples=(0, 3, 4),
    ),
    'carafe': Op(
        ('carafe_forward', 'carafe_backward'),
        ops.carafe,
        (wave(2, 2, 2, 3), wave(2, 18, 4, 6, step=2.3)),
        (3, 2, 2),
        differentiable=(0, 1),
    ),
    'carafe_naive': Op(
        ('carafe_naive_forward', 'carafe_naive_backward'),
        naive_carafe,
        (wave(2, 2, 2, 3), wave(2, 18, 4, 6, step=2.3)),
    ),
    'masked_conv': Op(
        ('masked_im2col_forward', 'masked_col2im_forward'),
        ops.masked_conv2d,
        (MAPS[:1], wave(1, 5, 7, step=2.3), wave(4, 3, 3, 3), wave(4)),
        (1,),
        samples=(),
        dtypes=FLOATS[:2],
    ),
    **{
        f'psamask_{kind}': Op(
            ('psamask_forward', 'psamask_backward'),
            psa_mask.PSAMaskFunction.apply,
            (wave(2, 15, 3, 4),),
            (number, (3, 5)),
            differentiable=(0,),
            samples=(0,),
        )
        for number, kind in enumerate(('collect', 'distribute'))
    },
    'tin_shift': Op(
        ('tin_shift_forward', 'tin_shift_backward'),
        ops.tin_shift,
        (wave(2, 4, 6, 3), torch.tensor([[1, 0, -2], [-1, 5, 2]]).int()),
        differentiable=(0,),
    ),
    'sigmoid_focal_loss': Op(
        ('sigmoid_focal_loss_forward', 'sigmoid_focal_loss_backward'),
        lambda x, target, weight: ops.sigmoid_focal_loss(
            x, target, 2.0, 0.25, weight, 'none'
        ),
        (LOGITS, TARGET, WEIGHT),
        differentiable=(0,),
        dtypes=FLOATS[:2],
    ),
    'softmax_focal_loss': Op(
        ('softmax_focal_loss_forward', 'softmax_focal_loss_backward'),
        lambda x, target, weight: ops.softmax_focal_loss(
            x, target, 2.0, 0.25, weight, 'sum'
        ),
        (LOGITS[:, :4], TARGET.clamp(max=3), WEIGHT),
        differentiable=(0,),
        samples=(),
        dtypes=FLOATS[:2],
    ),
    'sync_bn': Op(
        (
            'sync_bn_forward_mean',
            'sync_bn_forward_var',
            'sync_bn_forward_output',
            'sync_bn_backward_param',
            'sync_bn_backward_data',
        ),
        sync_batch_norm,
        (MAPS, wave(3), wave(3) + 2, wave(3, step=1.1), wave(3, step=2.3)),
        differentiable=(0, 3, 4),
        samples=(0,),
        dtypes=(torch.float32,),
    ),
    **{
        f'bbox_overlaps{"_aligned" * aligned}': Op(
            ('bbox_overlaps',),
            ops.bbox_overlaps,
            (BOXES[:20], BOXES[20:]),
            ('iou', aligned, 1),
            samples=(0, 1) if aligned else (0,),
        )
        for aligned in (False, True)
    },
    'nms': Op(('nms',), ops.nms, (BOXES, SCORES), (0.5, 1)),
    **{
        f'soft_nms_{method}': Op(
            ('softnms',),
            ops.soft_nms,
            (BOXES, SCORES),
            (0.3, 0.5, 1e-3, method),
        )
        for method in ('naive', 'linear', 'gaussian')
    },
    'nms_match': Op(
        ('nms_match',),
        ops.nms_match,
        (torch.cat([BOXES, SCORES[:, None]], 1),),
        (0.5,),
        samples=(0,),
    ),
}
