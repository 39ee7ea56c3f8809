from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tests.support.bilinear import sample_with_border
from uniformer_mm import fast
from uniformer_mm.compat import roi_align
from uniformer_mm.compat.roi_align_cpu import Grid, gradient, pays

ops = pytest.importorskip('mmcv.ops')
torchvision_ops = pytest.importorskip('torchvision.ops')

SIZE = (2, 3)
SCALE = 0.5


def make_features(dtype: torch.dtype = torch.float64) -> Tensor:
    """Return (2, 3, 5, 7)."""
    values = torch.arange(2 * 3 * 5 * 7, dtype=torch.float64)
    return values.mul(1.7).sin().reshape(2, 3, 5, 7).to(dtype)


def make_rois(dtype: torch.dtype = torch.float64) -> Tensor:
    """Return (5, 5): inside, small, over two borders, outside, whole map."""
    return torch.tensor(
        [
            [0, 1.3, 2.1, 9.2, 7.7],
            [1, 4.0, 4.0, 4.6, 4.5],
            [1, -5.0, -3.0, 6.0, 5.0],
            [0, 40.0, 40.0, 50.0, 50.0],
            [1, 0.0, 0.0, 14.0, 10.0],
        ],
        dtype=dtype,
    )


def roi_align_by_definition(
    features: Tensor, rois: Tensor, ratio: int, aligned: bool
) -> Tensor:
    """Average bilinear samples in each bin, (R, C, *SIZE); differentiable."""
    bins = []
    for index, *box in rois.tolist():
        x1, y1, x2, y2 = (v * SCALE - (0.5 if aligned else 0) for v in box)
        width, height = x2 - x1, y2 - y1
        if not aligned:
            width, height = max(width, 1), max(height, 1)
        step_y, step_x = height / SIZE[0], width / SIZE[1]
        ny = ratio if ratio > 0 else math.ceil(step_y)
        nx = ratio if ratio > 0 else math.ceil(step_x)
        for i in range(SIZE[0]):
            for j in range(SIZE[1]):
                samples = [
                    sample_with_border(
                        features[int(index)],
                        features.new_tensor(
                            y1 + step_y * (i + (a + 0.5) / ny)
                        ),
                        features.new_tensor(
                            x1 + step_x * (j + (b + 0.5) / nx)
                        ),
                    )
                    for a in range(ny)
                    for b in range(nx)
                ]
                bins.append(torch.stack(samples).mean(0))
    # (R * h * w, C) -> (R, C, h, w)
    out = torch.stack(bins).reshape(len(rois), *SIZE, features.shape[1])
    return out.permute(0, 3, 1, 2)


def align(
    features: Tensor, rois: Tensor, ratio: int = 0, aligned: bool = True
) -> Tensor:
    out: Tensor = ops.roi_align(
        features, rois, SIZE, SCALE, ratio, 'avg', aligned
    )
    return out


@pytest.mark.parametrize('ratio', [-1, 0, 2])
@pytest.mark.parametrize('aligned', [False, True])
def test_forward_and_backward_by_definition(ratio: int, aligned: bool) -> None:
    features, rois = make_features().requires_grad_(), make_rois()
    grad = torch.arange(5 * 3 * 6).double().cos().reshape(5, 3, *SIZE)
    expected = roi_align_by_definition(features, rois, ratio, aligned)
    out = align(features, rois, ratio, aligned)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    (got,) = torch.autograd.grad(out, features, grad)
    (wanted,) = torch.autograd.grad(expected, features, grad)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [False, True])
def test_equals_torchvision(ratio: int, aligned: bool) -> None:
    features = make_features(torch.float32).requires_grad_()
    rois = make_rois(torch.float32)
    out = align(features, rois, ratio, aligned)
    expected = torchvision_ops.roi_align(
        features, rois, SIZE, SCALE, ratio, aligned
    )
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-6)
    (got,) = torch.autograd.grad(out.square().sum(), features)
    (wanted,) = torch.autograd.grad(expected.square().sum(), features)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)


def test_equals_compiled_mmcv() -> None:
    # Values of mmcv's tests/test_ops/test_roi_align.py.
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], requires_grad=True)
    rois = torch.tensor([[0.0, 0.0, 0.0, 1.0, 1.0]])
    out = ops.roi_align(features, rois, (2, 2), 1.0, 2, 'avg', True)
    out.backward(torch.ones_like(out))
    assert out.tolist() == [[[[1.0, 1.25], [1.5, 1.75]]]]
    assert features.grad is not None
    assert features.grad.tolist() == [[[[3.0625, 0.4375], [0.4375, 0.0625]]]]


@pytest.mark.usefixtures('mmcv_lite')
@pytest.mark.parametrize('aligned', [False, True])
def test_gradcheck(aligned: bool) -> None:
    features = make_features()[:, :1].requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: align(x, make_rois(), 2, aligned), (features,)
    )


@pytest.mark.usefixtures('mmcv_lite')
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_types_are_rounded_once(dtype: torch.dtype) -> None:
    features, rois = make_features(dtype), make_rois(dtype)
    half = features.clone().requires_grad_()
    full = features.float().requires_grad_()
    out, expected = align(half, rois), align(full, rois.float())
    assert out.dtype == dtype
    assert torch.equal(out, expected.to(dtype))
    grad = make_features(dtype).flatten()[: out.numel()].view_as(out)
    out.backward(grad)
    expected.backward(grad.float())
    assert half.grad is not None
    assert full.grad is not None
    assert torch.equal(half.grad, full.grad.to(dtype))


def test_no_rois() -> None:
    features = make_features().requires_grad_()
    out = align(features, make_rois()[:0])
    assert out.shape == (0, 3, *SIZE)
    out.sum().backward()
    assert torch.equal(features.grad, torch.zeros(2, 3, 5, 7).double())


@pytest.mark.usefixtures('mmcv_lite')
def test_max_pooling_is_refused() -> None:
    layer = ops.RoIAlign(SIZE, SCALE, pool_mode='max')
    with pytest.raises(NotImplementedError, match=r"'avg' \(1\) .* got 0"):
        layer(make_features(), make_rois())


def many_rois(dtype: torch.dtype) -> Tensor:
    """Return (80, 5) of all sizes, in and out of two images of 88 x 60."""
    corners = torch.rand(80, 2) * 120 - 20
    size = torch.rand(80, 2) ** 3 * 150
    image = torch.arange(80)[:, None] % 2
    rois = torch.cat([image, corners, corners + size], 1)
    rois[0, 3:] = rois[0, 1:3]  # without size
    rois[1, 3:] = rois[1, 1:3] - 9  # turned over
    rois[2, 3] = torch.nan
    return rois.to(dtype)


@pytest.mark.usefixtures('mmcv_lite')
@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [False, True])
@pytest.mark.parametrize('size', [(7, 7), (3, 5)])
def test_gradients_of_many_channels_equal_torchvision_s(
    ratio: int, aligned: bool, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 16, 15, 22, dtype=torch.float64)
    rois = many_rois(torch.float64)
    grad = torch.randn(80, 16, *size, dtype=torch.float64)
    grid = Grid(0.25, *size, ratio, aligned)
    boxes = roi_align._readable(rois)
    assert pays(grad, boxes, grid)
    features.requires_grad_()
    out = ops.roi_align(features, rois, size, 0.25, ratio, 'avg', aligned)
    (got,) = torch.autograd.grad(out, features, grad)
    wanted = torch.ops.torchvision._roi_align_backward(
        grad, boxes, 0.25, *size, 2, 16, 15, 22, ratio, aligned
    )
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-12)


def test_what_gets_torchvision_s_gradients() -> None:
    grid = Grid(0.25, 7, 7, 0, True)
    grad, rois = (
        torch.ones(80, 16, 7, 7),
        many_rois(torch.float32).nan_to_num(),
    )
    assert pays(grad, rois, grid)
    assert not pays(grad[:, :15], rois, grid)
    assert not pays(grad[:0], rois[:0], grid)
    assert not pays(grad, rois * 100, grid)
    assert not pays(grad.as_subclass(torch.nn.Buffer), rois, grid)
    with fast.plain():
        assert not pays(grad, rois, grid)
    with FlopCounterMode(display=False):
        assert not pays(grad, rois, grid)
    compiled = torch.compile(pays, backend='eager')
    assert not compiled(grad, rois, grid)
    assert pays(grad, rois, grid)


def test_gradients_are_not_cast() -> None:
    rois = many_rois(torch.float32).nan_to_num()
    grad, grid = torch.rand(80, 16, 7, 7), Grid(0.25, 7, 7, 0, True)
    shape = torch.Size((2, 16, 15, 22))
    wanted = gradient(grad, rois, grid, shape)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(gradient(grad, rois, grid, shape), wanted)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_cuda_gives_the_same() -> None:
    host = make_features().requires_grad_()
    device = make_features().cuda().requires_grad_()
    out = align(device, make_rois().cuda())
    torch.testing.assert_close(out.cpu(), align(host, make_rois()))
    out.square().sum().backward()
    align(host, make_rois()).square().sum().backward()
    assert device.grad is not None
    torch.testing.assert_close(device.grad.cpu(), host.grad)
