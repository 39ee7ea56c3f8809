"""Deployed models compute with the weights that they have now."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.support.fast_runs import operations
from tests.support.models import build, random_input
from uniformer_mm import deploy
from uniformer_mm.fast import linear, path

MULTIPLY = 'mkldnn::_linear_pointwise'


def in_place(weight: nn.Parameter) -> None:
    with torch.no_grad():
        weight.mul_(2)


def by_other_data(weight: nn.Parameter) -> None:
    for _ in range(2):  # the second may get the address of the first
        weight.data = torch.randn_like(weight)


def unseen_by_torch(weight: nn.Parameter) -> None:
    weight.data.mul_(2)


def in_one_number(weight: nn.Parameter) -> None:
    weight.data.flatten()[5] += 100


def by_a_permutation(weight: nn.Parameter) -> None:
    weight.data.copy_(weight.data.flip(0, 1))


def through_numpy(weight: nn.Parameter) -> None:
    weight.numpy()[:] = 1


def by_a_fused_optimizer(weight: nn.Parameter) -> None:
    weight.grad = torch.randn_like(weight)
    torch.optim.SGD([weight], lr=1.0, fused=True).step()


@pytest.mark.parametrize(
    'change',
    [
        in_place,
        by_other_data,
        unseen_by_torch,
        in_one_number,
        by_a_permutation,
        through_numpy,
        by_a_fused_optimizer,
    ],
)
@pytest.mark.skipif(not linear.AVAILABLE, reason='oneDNN is used on x86 alone')
def test_a_change_after_the_first_call_is_seen(
    change: Callable[[nn.Parameter], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, 'LEAST_TOKENS', 1)
    model = deploy(build('image').eval())
    x = random_input('image', 1, 64, 64)
    names = ('blocks1.0.conv2', 'blocks3.0.attn.proj', 'blocks4.0.mlp.fc1')
    for name in names:
        with torch.no_grad():
            before = model(x)[-1]
            change(model.get_submodule(name).weight)
            assert operations(lambda: model(x))[MULTIPLY] > len(names)
            got = model(x)[-1]
            with path.plain():
                expected = model(x)[-1]
        assert not torch.allclose(got, before, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
