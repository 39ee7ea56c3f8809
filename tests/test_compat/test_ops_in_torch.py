"""Ops that mmcv computes by torch itself, so that nothing stands in for them.

They need no compiled function, whichever mmcv is installed.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.support.waves import wave

ops = pytest.importorskip('mmcv.ops')


@pytest.mark.parametrize('mode', ['top', 'bottom', 'left', 'right'])
def test_corner_pooling_is_a_running_maximum(mode: str) -> None:
    maps = wave(2, 3, 5, 6).requires_grad_()
    axis = 2 if mode in ('top', 'bottom') else 3
    turned = [axis] if mode in ('top', 'left') else []
    expected = maps.flip(turned).cummax(axis).values.flip(turned)
    got = ops.CornerPool(mode)(maps)
    assert torch.equal(got, expected)
    grad = wave(2, 3, 5, 6, step=2.1)
    ours, theirs = (
        torch.autograd.grad(y, maps, grad)[0] for y in (got, expected)
    )
    torch.testing.assert_close(ours, theirs)


def test_criss_cross_attention_by_definition() -> None:
    layer = ops.CrissCrossAttention(16).double()
    torch.nn.init.ones_(layer.gamma.scale)
    maps = wave(1, 16, 3, 4).double().requires_grad_()
    q, k, v = (
        conv(maps)[0]
        for conv in (layer.query_conv, layer.key_conv, layer.value_conv)
    )
    columns = []
    for i in range(3):
        for j in range(4):
            seen = [(m, j) for m in range(3) if m != i]
            seen += [(i, n) for n in range(4)]
            scores = torch.stack([q[:, i, j] @ k[:, m, n] for m, n in seen])
            values = torch.stack([v[:, m, n] for m, n in seen])
            columns.append(scores.softmax(0) @ values)
    # 12 x (C,) -> (1, C, 3, 4)
    expected: Tensor = maps + torch.stack(columns, 1).view(1, 16, 3, 4)
    got = layer(maps)
    torch.testing.assert_close(got, expected)
    ours, theirs = (
        torch.autograd.grad(y.square().sum(), maps, retain_graph=True)[0]
        for y in (got, expected)
    )
    torch.testing.assert_close(ours, theirs)
