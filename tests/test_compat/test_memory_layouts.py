"""Tensors in any memory: mmcv's functions over the ops that we supply."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

pytest.importorskip('torchvision')
from tests.support.op_cases import BOXES, OPS, SCORES, wave
from uniformer_mm.compat import mmcv_ext

STRIDED = ('sliced', 'transposed', 'channels_last')
# What mmcv's Python does not take, or leaves to the order of equal scores.
OF_MMCV = {
    ('nms', 1, 'expanded'),
    ('nms_match', 0, 'expanded'),
    *(('masked_conv', 2, layout) for layout in STRIDED),
    *(('sync_bn', 0, layout) for layout in STRIDED[1:]),
}
pytestmark = pytest.mark.usefixtures('mmcv_lite')


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
    """Return the layouts that a tensor of this shape can have."""
    names = ['sliced'] if tensor.ndim else []
    if tensor.ndim and len(tensor) > 1:
        names.append('expanded')
    if tensor.ndim > 1:
        names.append('transposed')
    if tensor.ndim == 4:
        names.append('channels_last')
    return names


def assert_equal(got: list[Tensor], expected: list[Tensor]) -> None:
    torch.testing.assert_close(got, expected, rtol=0, atol=0)


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
        if (name, place, layout) not in OF_MMCV
    ],
)
def test_memory_of_an_input_does_not_matter(
    name: str, place: int, layout: str
) -> None:
    tensor = lay_out(OPS[name].tensors[place], layout)
    assert not tensor.is_contiguous()
    plain = tensor.clone(memory_format=torch.contiguous_format)
    assert plain.is_contiguous()
    got = OPS[name].with_tensor(place, tensor).run()
    assert_equal(got, OPS[name].with_tensor(place, plain).run())


@pytest.mark.parametrize('name', ['nms', *(n for n in OPS if 'soft_nms' in n)])
def test_boxes_and_scores_may_be_columns_of_one_table(name: str) -> None:
    op = OPS[name]
    table = torch.cat([BOXES, SCORES[:, None]], 1)
    got = op.forward(table[:, :4], table[:, 4])
    assert_equal(got, op.forward(BOXES, SCORES))


@pytest.mark.parametrize('name', [n for n in OPS if OPS[n].differentiable])
def test_memory_of_the_output_s_gradient_does_not_matter(name: str) -> None:
    out = OPS[name].run()[0]
    for layout in layouts(out):
        if (name, 0, layout) in OF_MMCV:
            continue
        grad = lay_out(wave(*out.shape), layout)
        plain = grad.clone(memory_format=torch.contiguous_format)
        assert_equal(OPS[name].run(grad), OPS[name].run(plain))


def in_other_memory(
    function: Callable[..., Any], layout: str, written: set[int]
) -> Callable[..., Any]:
    """Return ``function`` on copies of its tensors, laid out otherwise.

    What it writes is full of 9 before; the places are added to ``written``.
    """

    def call(*args: Tensor, **settings: Any) -> Any:
        plain = [a.clone(memory_format=torch.contiguous_format) for a in args]
        result = function(*plain, **settings)
        copies = [
            lay_out(a, layout) if layout in layouts(a) else a.clone()
            for a in args
        ]
        for place, (first, copy) in enumerate(zip(plain, copies, strict=True)):
            if first._version > 0:
                written.add(place)
                copy.fill_(9)
        strides = [copy.stride() for copy in copies]
        again = function(*copies, **settings)
        assert [copy.stride() for copy in copies] == strides
        for arg, copy, first in zip(args, copies, plain, strict=True):
            # Sums may run in another order.
            torch.testing.assert_close(copy, first, rtol=1e-5, atol=1e-6)
            arg.copy_(first)
        if isinstance(again, Tensor):
            torch.testing.assert_close(again, result, rtol=1e-5, atol=1e-6)
        return result

    return call


# These leave a part of what they write as it was.
LEAVING = {'masked_conv', 'sync_bn', 'soft_nms_naive'}


@pytest.mark.parametrize('layout', STRIDED)
@pytest.mark.parametrize('name', [n for n in OPS if n not in LEAVING])
def test_results_are_written_into_any_memory(
    name: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # mmcv makes some of these by zeros_like, which keeps the strides.
    expected = OPS[name].run()
    written: dict[str, set[int]] = {}
    for function in OPS[name].supplied:
        written[function] = set()
        monkeypatch.setattr(
            f'mmcv._ext.{function}',
            in_other_memory(
                getattr(mmcv_ext, function), layout, written[function]
            ),
        )
    assert_equal(OPS[name].run(), expected)
    returning = {'nms', 'nms_match', 'ms_deform_attn_forward'}
    assert {n for n, places in written.items() if not places} <= returning
