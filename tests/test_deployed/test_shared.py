"""Models that share layers, hold two backbones, or are copied."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from tests.support.deployed import assert_same, outputs
from tests.support.models import every_kind
from tests.support.small import few_tokens, relative_error, small
from uniformer_mm import deploy


class Pair(nn.Module):
    """What holds two backbones, as a detector of two inputs."""

    def __init__(self, left: nn.Module, right: nn.Module) -> None:
        super().__init__()
        self.left = left
        self.right = right

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (*self.left(x), *self.right(x))


@every_kind
def test_a_deployed_copy_leaves_the_model_alone(kind: str) -> None:
    model = small(kind)
    other = Pair(model, model.blocks1)  # holds what the copy is made of
    state = {k: v.clone() for k, v in model.state_dict().items()}
    parameters = dict(model.named_parameters())
    classes = [type(m) for m in model.modules()]
    expected = outputs(model, kind)
    copied = deploy(model, inplace=False)
    assert copied.deployed
    assert not model.deployed
    assert_same(outputs(copied, kind), expected)
    assert relative_error(outputs(other.left, kind), expected) == 0
    assert classes == [type(m) for m in model.modules()]
    for name, parameter in model.named_parameters():
        assert parameter is parameters[name]
        assert parameter.requires_grad
    torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0)
    own = {v.data_ptr() for v in model.state_dict().values()}
    assert own.isdisjoint(v.data_ptr() for v in copied.state_dict().values())


def test_a_refused_copy_is_refused_before_it_is_made() -> None:
    model = small('image')
    prune.l1_unstructured(model.blocks1[0].conv1, 'weight', amount=0.5)
    model(few_tokens('image'))  # from here on torch refuses to copy it
    with pytest.raises(ValueError, match=r'blocks1\.0\.conv1 has hooks'):
        deploy(model, inplace=False)


def test_of_two_backbones_one_of_which_is_refused_neither_is_deployed() -> (
    None
):
    model = Pair(small('image'), small('conv_stem'))
    prune.l1_unstructured(model.right.patch_embed1.proj[3], 'weight', 0.5)
    classes = [type(m) for m in model.modules()]
    expected = outputs(model, 'image')
    with pytest.raises(ValueError, match=r'  right\.patch_embed1\.proj\.3'):
        deploy(model)
    assert classes == [type(m) for m in model.modules()]
    assert relative_error(outputs(model, 'image'), expected) == 0
    prune.remove(model.right.patch_embed1.proj[3], 'weight')
    assert_same(outputs(deploy(model), 'image'), expected)


def test_all_that_is_refused_is_named() -> None:
    model = Pair(small('image'), small('light'))
    model.left.blocks1[0].norm1 = nn.GroupNorm(2, 8).eval()
    model.right.blocks3[0].pos_embed = nn.Identity().eval()
    with pytest.raises(ValueError, match='then deploy') as caught:
        deploy(model)
    names = [line.split()[0] for line in str(caught.value).splitlines()]
    assert names[1:3] == ['left.blocks1.0.norm1', 'right.blocks3.0.pos_embed']


def share_a_layer(pair: Pair) -> None:
    pair.right.blocks1[0].conv1 = pair.left.blocks1[0].conv1


def use_a_part(pair: Pair) -> None:
    pair.right = pair.left.blocks1[0].mlp


@pytest.mark.parametrize('change', [share_a_layer, use_a_part])
def test_a_layer_with_a_use_beside_the_backbone_is_refused(
    change: Callable[[Pair], None],
) -> None:
    model = Pair(small('image'), small('image'))
    change(model)
    with pytest.raises(ValueError, match=r'blocks1\.0.* more than one place'):
        deploy(model)
    assert not model.left.deployed


def test_backbones_may_share_blocks() -> None:
    model = Pair(small('image'), small('image'))
    model.right.blocks1 = model.left.blocks1
    model.right.blocks3[0] = model.left.blocks3[1]
    expected = outputs(model, 'image')
    assert_same(outputs(deploy(model), 'image'), expected)
