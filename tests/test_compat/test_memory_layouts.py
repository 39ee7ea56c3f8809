"""Tensors in any memory: mmcv's functions over the ops that we supply."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.box_cases import random_boxes
from uniformer_mm.compat import mmcv_ext

pytestmark = pytest.mark.usefixtures('mmcv_lite')
ops = pytest.importorskip('mmcv.ops')
pytest.importorskip('torchvision')

SIZE = (2, 3)
MAPS = torch.arange(2 * 3 * 5 * 7).mul(1.7).sin().reshape(2, 3, 5, 7)
ROIS = torch.tensor(
    [
        [0, 1.3, 2.1, 9.2, 7.7],
        [1, -5.0, -3.0, 6.0, 5.0],
        [1, 0.0, 0.0, 14.0, 10.0],
        [0, 4.0, 4.0, 4.6, 4.5],
    ]
)
LOGITS = torch.arange(6 * 4).mul(2.3).sin().mul(4).reshape(6, 4)
TARGET = torch.tensor([0, 1, 2, 3, 4, 4])  # 4: background
WEIGHT = torch.tensor([0.5, 2.0, 1.5, 0.0])
BOXES, SCORES = (t.float() for t in random_boxes(40))


@dataclass(frozen=True)
class Op:
    """A function of mmcv, what it calls of ours, and its tensors."""

    supplied: tuple[str, ...]
    function: Callable[..., Any]
    tensors: tuple[Tensor, ...]
    settings: tuple[Any, ...]

    @property
    def has_gradient(self) -> bool:
        """Whether there is one, of the first tensor."""
        return len(self.supplied) > 1

    def run(
        self, *tensors: Tensor, grad: Tensor | None = None
    ) -> list[Tensor]:
        """Return all results, and the gradient for that of the result."""
        if not self.has_gradient:
            return list(self.function(*tensors, *self.settings))
        first = tensors[0].detach().requires_grad_()
        out = self.function(first, *tensors[1:], *self.settings)
        if grad is None:
            grad = torch.arange(out.numel()).cos().view_as(out)
        return [out.detach(), *torch.autograd.grad(out, first, grad)]


ROI_ALIGN = ('roi_align_forward', 'roi_align_backward')
FOCAL_LOSS = ('sigmoid_focal_loss_forward', 'sigmoid_focal_loss_backward')
OPS = {
    **{
        f'roi_align{"_aligned" * aligned}_{ratio}': Op(
            ROI_ALIGN,
            ops.roi_align,
            (MAPS, ROIS),
            (SIZE, 0.5, ratio, 'avg', aligned),
        )
        for aligned in (False, True)
        for ratio in (-1, 0, 1, 2, 3)
    },
    'focal_loss': Op(
        FOCAL_LOSS,
        lambda x, target, weight: ops.sigmoid_focal_loss(
            x, target, 2.0, 0.25, weight, 'none'
        ),
        (LOGITS, TARGET, WEIGHT),
        (),
    ),
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
}


def lay_out(values: Tensor, layout: str) -> Tensor:
    """Return ``values`` in other memory; expanded, the first ones of them."""
    if layout == 'channels_last':
        return values.clone(memory_format=torch.channels_last)
    if layout == 'transposed':
        return values.mT.contiguous().mT
    if layout == 'expanded':
        return values[:1].expand_as(values)
    assert layout == 'sliced'
    fill = math.nan if values.is_floating_point() else -9
    room = values.new_full([2 * n + 1 for n in values.shape], fill)
    view = room[(slice(1, None, 2),) * values.ndim]
    view.copy_(values)
    return view


def layouts(tensor: Tensor) -> list[str]:
    """Return the layouts that a tensor of this rank can have."""
    names = ['sliced', 'expanded']
    if tensor.ndim > 1:
        names.append('transposed')
    if tensor.ndim == 4:
        names.append('channels_last')
    return names


def assert_equal(got: list[Tensor], expected: list[Tensor]) -> None:
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_every_supplied_op_is_here() -> None:
    functions = {n for n in mmcv_ext.__all__ if not n.startswith('get_')}
    assert {n for op in OPS.values() for n in op.supplied} == functions


@pytest.mark.parametrize(
    ('name', 'place', 'layout'),
    [
        (name, place, layout)
        for name, op in OPS.items()
        for place, tensor in enumerate(op.tensors)
        for layout in layouts(tensor)
        # All scores are equal then, and mmcv leaves their order to the sort.
        if (name, place, layout) != ('nms', 1, 'expanded')
    ],
)
def test_memory_of_an_input_does_not_matter(
    name: str, place: int, layout: str
) -> None:
    op = OPS[name]
    tensors = list(op.tensors)
    tensors[place] = lay_out(tensors[place], layout)
    assert not tensors[place].is_contiguous()
    plain = [t.clone(memory_format=torch.contiguous_format) for t in tensors]
    assert all(t.is_contiguous() for t in plain)
    assert_equal(op.run(*tensors), op.run(*plain))


@pytest.mark.parametrize('name', [n for n in OPS if 'nms' in n])
def test_boxes_and_scores_may_be_columns_of_one_table(name: str) -> None:
    op = OPS[name]
    table = torch.cat([BOXES, SCORES[:, None]], 1)
    assert_equal(op.run(table[:, :4], table[:, 4]), op.run(BOXES, SCORES))


@pytest.mark.parametrize('name', list(OPS))
def test_nothing_in_gives_nothing_out(name: str) -> None:
    op = OPS[name]
    outs = op.run(*(t[:0] for t in op.tensors[:2]), *op.tensors[2:])
    assert all(len(out) == 0 for out in outs)
    assert len(outs) == len(op.run(*op.tensors))
    if op.has_gradient:
        assert outs[-1].shape == (0, *op.tensors[0].shape[1:])


@pytest.mark.parametrize('name', [n for n in OPS if OPS[n].has_gradient])
def test_memory_of_the_output_s_gradient_does_not_matter(name: str) -> None:
    op = OPS[name]
    out, _ = op.run(*op.tensors)
    for layout in layouts(out):
        grad = lay_out(torch.arange(out.numel()).cos().view_as(out), layout)
        plain = grad.clone(memory_format=torch.contiguous_format)
        got = op.run(*op.tensors, grad=grad)
        assert_equal(got, op.run(*op.tensors, grad=plain))


ROI_SETTINGS = {
    'aligned_height': SIZE[0],
    'aligned_width': SIZE[1],
    'spatial_scale': 0.5,
    'sampling_ratio': 2,
    'pool_mode': 1,
    'aligned': True,
}
NONE = torch.zeros(0)
POOLED = torch.arange(4 * 3 * 6).cos().reshape(4, 3, *SIZE)
# Calls of `mmcv._ext` itself, each with the shape of what it overwrites.
WRITES = {
    'roi_align_forward': (
        lambda write: mmcv_ext.roi_align_forward(
            MAPS, ROIS, write, NONE, NONE, **ROI_SETTINGS
        ),
        POOLED.shape,
    ),
    'roi_align_backward': (
        lambda write: mmcv_ext.roi_align_backward(
            POOLED, ROIS, NONE, NONE, write, **ROI_SETTINGS
        ),
        MAPS.shape,
    ),
    **{
        f'sigmoid_focal_loss_{way}': (
            lambda write, way=way: getattr(
                mmcv_ext, f'sigmoid_focal_loss_{way}'
            )(LOGITS, TARGET, WEIGHT, write, gamma=2.0, alpha=0.25),
            LOGITS.shape,
        )
        for way in ('forward', 'backward')
    },
    'softnms': (
        lambda write: mmcv_ext.softnms(
            BOXES,
            SCORES,
            write,
            iou_threshold=0.3,
            sigma=0.5,
            min_score=0.0,  # all are kept
            method=1,
            offset=0,
        ),
        (len(BOXES), 5),
    ),
}


@pytest.mark.parametrize('name', list(WRITES))
def test_results_are_written_into_any_memory(name: str) -> None:
    # mmcv makes some of these by zeros_like, which keeps the strides.
    call, shape = WRITES[name]
    expected = torch.full(shape, math.nan)
    call(expected)
    assert not expected.isnan().any()
    for layout in set(layouts(expected)) - {'expanded'}:
        write = lay_out(torch.full(shape, 9.0), layout)
        strides = write.stride()
        call(write)
        assert write.stride() == strides
        assert torch.equal(write, expected), layout
