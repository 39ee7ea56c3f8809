from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

# On the CPU compiled mmcv has no kernels for this op.
pytestmark = pytest.mark.usefixtures('mmcv_lite')
ops = pytest.importorskip('mmcv.ops')
torchvision_ops = pytest.importorskip('torchvision.ops')

NUM_CLASSES = 4
WEIGHT = (0.5, 2.0, 1.5, 0.0)


def make_logits(dtype: torch.dtype = torch.float64) -> Tensor:
    """Return (6, 4) in [-4, 4]."""
    values = torch.arange(6 * NUM_CLASSES, dtype=torch.float64)
    return values.mul(2.3).sin().mul(4).reshape(6, NUM_CLASSES).to(dtype)


def make_target() -> Tensor:
    """Return (6,): every class, and background twice."""
    return torch.tensor([0, 1, 2, 3, NUM_CLASSES, NUM_CLASSES])


def focal_loss_by_definition(
    logits: Tensor, target: Tensor, gamma: float, alpha: float
) -> Tensor:
    """Return (N, C): -alpha_t * (1 - p_t)^gamma * log(p_t), term by term."""
    p = logits.sigmoid()
    rows = []
    for n, label in enumerate(target.tolist()):
        for c in range(logits.shape[1]):
            p_t = p[n, c] if c == label else 1 - p[n, c]
            alpha_t = alpha if c == label else 1 - alpha
            rows.append(-alpha_t * (1 - p_t) ** gamma * p_t.log())
    # (N * C,) -> (N, C)
    return torch.stack(rows).reshape(logits.shape)


@pytest.mark.parametrize(
    ('gamma', 'alpha'), [(2.0, 0.25), (0.0, 0.5), (1.5, 0.3), (3.0, 1.0)]
)
def test_forward_and_backward_by_definition(
    gamma: float, alpha: float
) -> None:
    logits, target = make_logits().requires_grad_(), make_target()
    loss = ops.sigmoid_focal_loss(logits, target, gamma, alpha, None, 'none')
    expected = focal_loss_by_definition(logits, target, gamma, alpha)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-14)
    grad = make_logits().flip(0)
    (got,) = torch.autograd.grad(loss, logits, grad)
    (wanted,) = torch.autograd.grad(expected, logits, grad)
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize('reduction', ['none', 'mean', 'sum'])
def test_equals_torchvision(reduction: str) -> None:
    logits = make_logits(torch.float32).requires_grad_()
    target = make_target()
    one_hot = F.one_hot(target, NUM_CLASSES + 1)[:, :NUM_CLASSES].float()
    loss = ops.sigmoid_focal_loss(logits, target, 2.0, 0.25, None, reduction)
    expected = torchvision_ops.sigmoid_focal_loss(
        logits, one_hot, 0.25, 2.0, reduction
    )
    # mmcv's mean is over samples, torchvision's over samples and classes.
    factor = NUM_CLASSES if reduction == 'mean' else 1
    torch.testing.assert_close(loss, factor * expected, rtol=1e-5, atol=1e-6)
    (got,) = torch.autograd.grad(loss.sum(), logits)
    (wanted,) = torch.autograd.grad(factor * expected.sum(), logits)
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)


def test_equals_compiled_mmcv() -> None:
    # Values of mmcv's tests/test_ops/test_focal_loss.py, for CUDA.
    logits = torch.eye(2, requires_grad=True)
    layer = ops.SigmoidFocalLoss(gamma=2.0, alpha=0.25)
    loss = layer(logits, torch.tensor([0, 1]))
    loss.backward()
    on, off = -0.00657264, 0.11185755
    grad = torch.tensor([[on, off], [off, on]])
    torch.testing.assert_close(loss.item(), 0.13562961, rtol=0, atol=1e-7)
    torch.testing.assert_close(logits.grad, grad, rtol=0, atol=1e-7)


def test_class_weight_scales_the_samples_of_its_class() -> None:
    logits, target = make_logits().requires_grad_(), make_target()
    weight = torch.tensor(WEIGHT, dtype=torch.float64)
    loss = ops.sigmoid_focal_loss(logits, target, 2.0, 0.3, weight, 'none')
    plain = focal_loss_by_definition(logits, target, 2.0, 0.3)
    per_sample = torch.tensor([*WEIGHT, 1.0, 1.0]).double()[:, None]
    torch.testing.assert_close(loss, per_sample * plain)
    (got,) = torch.autograd.grad(loss.sum(), logits)
    (wanted,) = torch.autograd.grad((per_sample * plain).sum(), logits)
    torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize('weighted', [False, True])
def test_gradcheck(weighted: bool) -> None:
    weight = torch.tensor(WEIGHT).double() if weighted else None
    logits = make_logits().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: ops.sigmoid_focal_loss(
            x, make_target(), 2.0, 0.25, weight, 'none'
        ),
        (logits,),
    )


def test_background_alone_pushes_every_logit_down() -> None:
    logits = make_logits().requires_grad_()
    target = torch.full((6,), NUM_CLASSES)
    ops.sigmoid_focal_loss(logits, target, 2.0, 0.25, None, 'sum').backward()
    assert logits.grad is not None
    assert (logits.grad > 0).all()


def test_extreme_logits_give_the_limit_and_not_nan() -> None:
    logits = torch.tensor([[-200.0, 200.0], [200.0, -200.0]])
    logits.requires_grad_()
    target = torch.tensor([0, 0])
    loss = ops.sigmoid_focal_loss(logits, target, 2.0, 0.25, None, 'none')
    loss.sum().backward()
    assert loss.tolist() == [[50.0, 150.0], [0.0, 0.0]]
    assert logits.grad is not None
    assert logits.grad.tolist() == [[-0.25, 0.75], [0.0, 0.0]]


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_types_are_rounded_once(dtype: torch.dtype) -> None:
    half = make_logits(dtype).requires_grad_()
    full = make_logits(dtype).float().requires_grad_()
    losses = [
        ops.sigmoid_focal_loss(x, make_target(), 2.0, 0.25, None, 'none')
        for x in (half, full)
    ]
    assert losses[0].dtype == dtype
    assert torch.equal(losses[0], losses[1].to(dtype))
    for loss in losses:
        loss.sum().backward()
    assert half.grad is not None
    assert full.grad is not None
    assert torch.equal(half.grad, full.grad.to(dtype))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_cuda_gives_the_same() -> None:
    args = (2.0, 0.25, None, 'sum')
    host = make_logits().requires_grad_()
    device = make_logits().cuda().requires_grad_()
    loss = ops.sigmoid_focal_loss(device, make_target().cuda(), *args)
    loss.backward()
    ops.sigmoid_focal_loss(host, make_target(), *args).backward()
    assert device.grad is not None
    torch.testing.assert_close(device.grad.cpu(), host.grad)
