from __future__ import annotations

import pytest
import torch

from tests.support.waves import wave

ops = pytest.importorskip('mmcv.ops')

# On the CPU compiled mmcv has no kernels for this op.
pytestmark = pytest.mark.usefixtures('mmcv_lite')
WEIGHT = torch.tensor([0.5, 2.0, 1.5, 0.1], dtype=torch.float64)
TARGET = torch.tensor([0, 1, 2, 3, 1, 0])


@pytest.mark.parametrize('weight', [None, WEIGHT])
@pytest.mark.parametrize('gamma', [0.0, 1.5, 2.0])
def test_forward_and_backward_by_definition(
    gamma: float, weight: torch.Tensor | None
) -> None:
    logits = (wave(6, 4) * 3).double().requires_grad_()
    loss = ops.softmax_focal_loss(logits, TARGET, gamma, 0.3, weight, 'sum')
    terms = []
    for row, target in zip(logits, TARGET.tolist(), strict=True):
        p = row[target].exp() / row.exp().sum()
        factor = 0.3 if weight is None else 0.3 * weight[target]
        terms.append(-factor * (1 - p) ** gamma * p.log())
    expected = torch.stack(terms).sum()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    (got,) = torch.autograd.grad(loss, logits)
    (wanted,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-14)


def test_a_probability_of_zero_gives_a_finite_loss() -> None:
    logits = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    loss = ops.softmax_focal_loss(logits, torch.tensor([0]))
    (grad,) = torch.autograd.grad(loss, logits)
    assert loss.isfinite()
    assert grad.isfinite().all()


@pytest.mark.parametrize('target', [-1, 4])
def test_other_targets_cost_nothing(target: int) -> None:
    logits = wave(1, 4).requires_grad_()
    layer = ops.SoftmaxFocalLoss(2.0, 0.25, WEIGHT.float())
    loss = layer(logits, torch.tensor([target]))
    assert loss == 0
    assert not torch.autograd.grad(loss, logits)[0].any()
