"""Operators take tensors in any order in memory, and say how theirs lie."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.support.fast_runs import make_everything_pay
from uniformer_mm.compiled import operators
from uniformer_mm.fast import attention, linear
from uniformer_mm.fast.depthwise import depthwise_conv

pytestmark = pytest.mark.skipif(
    not linear.AVAILABLE, reason='weights are packed on x86 alone'
)


def mlp(x: Tensor, *weights: Tensor) -> Tensor:
    return F.linear(F.gelu(F.linear(x, *weights[:2])), *weights[2:])


def product(x: Tensor, weight: Tensor, bias: Tensor, _: bool) -> Tensor:
    return F.gelu(F.linear(x, weight, bias))


def without_bias(x: Tensor, weight: Tensor, *_: Any) -> Tensor:
    return F.linear(x, weight)


def of_input(grad: Tensor, weight: Tensor) -> Tensor:
    x = torch.zeros_like(grad, requires_grad=True)
    y = depthwise_conv(x, weight, None)
    return torch.autograd.grad(y, x, grad)[0]


def of_weight(x: Tensor, grad: Tensor, weight: Tensor) -> Tensor:
    weight = weight.clone().requires_grad_()
    y = depthwise_conv(x, weight, None)
    return torch.autograd.grad(y, weight, grad)[0]


IMAGES, CLIPS, CLIP = (2, 3, 8, 9), (2, 3, 4, 5, 6), (1, 3, 4, 5, 6)
SETTINGS = [2, 1, 1], [1, 0, 1], [1, 1, 1]
KERNEL, KERNEL_OF_CLIPS = (3, 1, 5, 5), (3, 1, 3, 3, 3)


@pytest.mark.parametrize('pays', [False, True])
@pytest.mark.parametrize(
    ('name', 'function', 'shapes'),
    [
        ('PRODUCT', product, [(2, 3, 5, 4), (6, 4), (6,), True]),
        ('PRODUCT', without_bias, [(5, 4), (6, 4), None, False]),
        ('PRODUCT', without_bias, [(6, 4), (5, 4), None, False]),
        ('MLP', mlp, [(2, 3, 5, 4), (6, 4), (6,), (4, 6), (4,)]),
        ('ATTEND', F.scaled_dot_product_attention, [(2, 3, 5, 4)] * 3),
        ('CLIP', F.conv3d, [CLIP, (6, 3, 2, 2, 2), (6,), *SETTINGS]),
        ('OF_INPUT', of_input, [IMAGES, KERNEL]),
        ('OF_INPUT', of_input, [CLIPS, KERNEL_OF_CLIPS]),
        ('OF_WEIGHT', of_weight, [IMAGES, IMAGES, KERNEL]),
        ('OF_WEIGHT', of_weight, [CLIPS, CLIPS, KERNEL_OF_CLIPS]),
    ],
)
def test_inputs_in_any_order_in_memory(
    name: str,
    function: Callable[..., Tensor],
    shapes: list[Any],
    pays: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Inductor hands them over as it likes, and checks what comes back."""
    if pays:
        make_everything_pay(monkeypatch)
        monkeypatch.setattr(attention, 'LEAST_TOKENS', 1)
        monkeypatch.setattr(attention, 'mkl_lacks_avx512', lambda: True)
    operator = getattr(operators, name)
    torch.manual_seed(0)
    inputs = [torch.randn(s) if isinstance(s, tuple) else s for s in shapes]
    expected = function(*inputs)
    for i, given in enumerate(inputs):
        if not isinstance(given, Tensor):
            continue
        for order in permutations(range(given.ndim)):
            back = [order.index(axis) for axis in range(given.ndim)]
            args = list(inputs)
            args[i] = given.permute(order).contiguous().permute(back)
            got = operator(*args)
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
            assert strides(got) == said_of(operator, args), (i, order)


def said_of(operator: Any, args: list[Any]) -> list[int]:
    with FakeTensorMode() as mode:
        fakes = [
            mode.from_tensor(x) if isinstance(x, Tensor) else x for x in args
        ]
        return strides(operator(*fakes))


def strides(x: Tensor) -> list[int]:
    """Those along axes that have several elements."""
    pairs = zip(x.shape, x.stride(), strict=True)
    return [stride for size, stride in pairs if size > 1]
