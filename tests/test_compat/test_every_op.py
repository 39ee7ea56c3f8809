"""What holds for every op that we supply, through mmcv's Python."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

pytest.importorskip('torchvision')
from tests.support.op_cases import OPS
from tests.support.waves import wave

pytestmark = pytest.mark.usefixtures('mmcv_lite')
HALVES = (torch.float16, torch.bfloat16)


@pytest.mark.parametrize(
    'name',
    [
        name
        for name, op in OPS.items()
        if op.differentiable and torch.float64 in op.dtypes
    ],
)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    op = OPS[name].to(torch.float64)
    leaves = [
        op.tensors[i].clone().requires_grad_() for i in op.differentiable
    ]

    def first_result(*leaves: Tensor) -> Tensor:
        tensors = list(op.tensors)
        for place, leaf in zip(op.differentiable, leaves, strict=True):
            tensors[place] = leaf
        return op.forward(*tensors)[0]

    assert torch.autograd.gradcheck(first_result, leaves, fast_mode=True)


@pytest.mark.parametrize('name', [n for n in OPS if OPS[n].samples])
def test_nothing_in_gives_nothing_out(name: str) -> None:
    op = OPS[name]
    full = op.run()
    for place in op.samples:
        op = op.with_tensor(place, op.tensors[place][:0])
    outs = op.run()
    if name == 'nms_match':
        assert outs == []
        return
    assert len(outs) == len(full)
    assert outs[0].shape == (0, *full[0].shape[1:])
    grads = outs[len(outs) - len(op.differentiable) :]
    for place, grad in zip(op.differentiable, grads, strict=True):
        assert grad.shape == op.tensors[place].shape
        assert not grad.any()


@pytest.mark.parametrize(
    ('name', 'dtype'),
    [
        (name, dtype)
        for name, op in OPS.items()
        for dtype in HALVES
        if dtype in op.dtypes
    ],
)
def test_half_types_are_computed_in_float32(
    name: str, dtype: torch.dtype
) -> None:
    half, full = OPS[name].to(dtype), OPS[name].to(dtype).to(torch.float32)
    grad = wave(*half.forward(*half.tensors)[0].shape).to(dtype)
    expected = full.run(grad.float())
    for got, wanted in zip(half.run(grad), expected, strict=True):
        assert torch.equal(got, wanted.to(got.dtype))
        assert got.dtype == (
            dtype if wanted.is_floating_point() else wanted.dtype
        )


@pytest.mark.parametrize('name', [n for n in OPS if n != 'masked_conv'])
def test_autocast_changes_nothing(name: str) -> None:
    expected = OPS[name].run()
    with torch.autocast('cpu', torch.bfloat16):
        outs = OPS[name].run()
    for got, wanted in zip(outs, expected, strict=True):
        assert torch.equal(got, wanted)


# Places of the tensors that hold positions.
POSITIONS = {
    name: place
    for name, op in OPS.items()
    for start, place in (
        ('roi_', 1),
        ('deform_roi', 2),
        ('border', 1),
        ('deform_conv', 1),
        ('modulated', 1),
        ('ms_deform', 3),
    )
    if name.startswith(start) and op.tensors[place].is_floating_point()
}


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf, 1e30])
@pytest.mark.parametrize('name', list(POSITIONS))
def test_what_looks_nowhere_sees_zeros(name: str, value: float) -> None:
    # As offsets of a diverged model; kernels read anywhere in memory then.
    place = POSITIONS[name]
    positions = OPS[name].tensors[place].clone()
    positions[0, 1] = value
    out, *_ = OPS[name].with_tensor(place, positions).run()
    assert out.isfinite().all()
    # All, but for the image of an RoI.
    positions[..., -4:] = value
    out, *_ = OPS[name].with_tensor(place, positions).run()
    if 'modulated' in name:
        out = out - OPS[name].tensors[4][:, None, None]
    assert not out.any()


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
@pytest.mark.parametrize('name', list(OPS))
def test_cuda_gives_the_same(name: str) -> None:
    op = OPS[name]
    expected = op.run()
    for place, tensor in enumerate(op.tensors):
        op = op.with_tensor(place, tensor.cuda())
    for got, wanted in zip(op.run(), expected, strict=True):
        torch.testing.assert_close(got.cpu(), wanted, rtol=1e-4, atol=1e-4)
