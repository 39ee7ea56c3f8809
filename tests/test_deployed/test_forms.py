"""Copies, files, other dtypes and graphs of deployed models."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.support.deployed import assert_same, outputs
from tests.support.models import KINDS, every_kind
from tests.support.modes import MODES
from tests.support.small import (
    few_tokens,
    relative_error,
    small,
    through_a_file,
)
from uniformer_mm import deploy


@every_kind
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_weights_saved_before_are_those_of_the_plain_model(
    kind: str, dtype: torch.dtype
) -> None:
    model, x = small(kind).to(dtype), few_tokens(kind).to(dtype)
    expected = outputs(model, x)
    state, before = model.state_dict(), dict(model.named_parameters())
    deploy(model)
    assert_same(outputs(model, x), expected)
    new = [p for n, p in model.named_parameters() if p is not before.get(n)]
    assert new
    with torch.no_grad():
        for parameter in new:
            parameter.zero_()
    plain = small(kind).to(dtype)
    for value in plain.state_dict().values():
        value.zero_()
    plain.load_state_dict(state)
    assert relative_error(outputs(plain, x), expected) == 0


@pytest.mark.parametrize('mode', ['no_grad', 'inference_mode'])
@pytest.mark.parametrize('inplace', [True, False])
def test_a_model_deployed_in_a_mode_works_outside(
    mode: str, inplace: bool
) -> None:
    model = small('layer_scale')
    expected = outputs(model, 'layer_scale')
    with MODES[mode]():
        model = deploy(model, inplace=inplace)
    assert not any(p.is_inference() for p in model.state_dict().values())
    x = few_tokens('layer_scale').requires_grad_()
    outs = model(x)
    assert_same(list(outs), expected)
    sum(out.sum() for out in outs).backward()
    assert x.grad.isfinite().all()
    model.load_state_dict(model.state_dict())


def test_a_model_made_in_inference_mode_can_be_deployed() -> None:
    with torch.inference_mode():
        model = small('layer_scale')
    expected = outputs(model, 'layer_scale')
    assert_same(outputs(deploy(model), 'layer_scale'), expected)


def through_pickle(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


def through_weights(model: Any) -> Any:
    kind = 'layer_scale'
    other = deploy(small(kind, layer_scale=0.1))
    outputs(other, kind)  # its own weights are packed from here on
    other.load_state_dict(model.state_dict())
    return other


def through_the_meta_device(model: Any) -> Any:
    other = deploy(small('layer_scale').to('meta'))
    other.load_state_dict(model.state_dict(), assign=True)
    return other


def through_bfloat16(model: Any) -> Any:
    for parameter in model.parameters():
        parameter.copy_(parameter.bfloat16())
    return copy.deepcopy(model).bfloat16().float()


@pytest.mark.parametrize('ran', [False, True], ids=['new', 'packed'])
@pytest.mark.parametrize(
    'way',
    [
        copy.deepcopy,
        through_pickle,
        through_a_file,
        through_weights,
        through_the_meta_device,
        through_bfloat16,
    ],
)
@torch.no_grad()
def test_copies_of_a_deployed_model_are_deployed(
    way: Callable[[Any], Any], ran: bool
) -> None:
    kind = 'layer_scale'
    model = deploy(small(kind))
    if ran:
        outputs(model, kind)
    other = way(model)
    assert other.deployed
    assert not any(p.requires_grad for p in other.parameters())
    assert_same(outputs(other, kind), outputs(model, kind))
    with pytest.raises(RuntimeError, match="can't be trained"):
        other.train()


# Light models sort tokens, and rounding changes their order.
@pytest.mark.parametrize('kind', [k for k in KINDS if 'light' not in k])
def test_bfloat16_is_as_exact_as_it_was(kind: str) -> None:
    x = few_tokens(kind)
    expected = outputs(small(kind), kind)
    errors = []
    for model in (
        small(kind).bfloat16(),
        deploy(small(kind).bfloat16()),
        deploy(small(kind)).bfloat16(),
    ):
        assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
        outs = [out.float() for out in outputs(model, x.bfloat16())]
        errors.append(relative_error(outs, expected))
    assert max(errors) <= 2 * errors[0]


@pytest.mark.parametrize('attention', ['global', 'window', 'hybrid'])
def test_attention_set_before_and_after_is_the_same(attention: str) -> None:
    model, other = small('image'), deploy(small('image'))
    model.set_attention(attention, window_size=3)
    other.set_attention(attention, window_size=3)
    assert_same(outputs(other, 'image'), outputs(model, 'image'))
    assert_same(outputs(deploy(model), 'image'), outputs(other, 'image'))


@every_kind
def test_compiled_deployed_models_give_the_same(kind: str) -> None:
    torch._dynamo.reset()
    model = deploy(small(kind))
    compiled = torch.compile(model, fullgraph=True, backend='aot_eager')
    assert_same(outputs(compiled, kind), outputs(model, kind))


def test_a_model_compiled_before_gives_the_same_afterwards() -> None:
    torch._dynamo.reset()
    model = small('layer_scale')
    model.blocks1[0].conv1.compile(backend='eager')
    compiled = torch.compile(model, backend='eager')
    expected = outputs(compiled, 'layer_scale')
    assert_same(outputs(deploy(compiled), 'layer_scale'), expected)


@every_kind
def test_exported_deployed_models_give_the_same(kind: str) -> None:
    model, x = deploy(small(kind)), few_tokens(kind)
    program = torch.export.export(model, (x,)).module()
    assert_same(outputs(program, kind), outputs(model, kind))
