"""Deploying in bf16: what goes in and comes out, and where it can't be."""

from __future__ import annotations

import copy
import sys
import warnings

import pytest
import torch

from tests.support.deployed import outputs
from tests.support.models import KINDS, every_kind
from tests.support.small import few_tokens, relative_error, small
from uniformer_mm import UniFormerClassifier, deploy

HALF = torch.bfloat16
# The function of this name hides the module.
MODULE = sys.modules[deploy.__module__]


@pytest.fixture
def _bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, 'has_bf16', lambda: True)


# Light models sort tokens, and rounding changes their order.
@pytest.mark.usefixtures('_bf16')
@pytest.mark.parametrize('kind', [k for k in KINDS if 'light' not in k])
def test_float32_in_and_out_as_exact_as_bf16_is(kind: str) -> None:
    x = few_tokens(kind)
    expected = outputs(small(kind), x)
    cast = [y.float() for y in outputs(small(kind).bfloat16(), x.bfloat16())]
    model = deploy(small(kind), dtype=HALF)
    assert {p.dtype for p in model.parameters()} == {HALF}
    got = outputs(model, x)
    assert {y.dtype for y in got} == {torch.float32}
    assert relative_error(got, expected) > 1e-4
    assert relative_error(got, expected) <= 2 * relative_error(cast, expected)
    same = outputs(model, x.bfloat16())
    assert {y.dtype for y in same} == {HALF}
    assert relative_error([y.float() for y in same], got) < 1e-2


@pytest.mark.usefixtures('_bf16')
@every_kind
def test_it_stays_with_copies_and_goes_with_float(kind: str) -> None:
    x, model = few_tokens(kind), deploy(small(kind), dtype=HALF)
    got = outputs(model, x)
    assert relative_error(outputs(copy.deepcopy(model), x), got) == 0
    weights = deploy(small(kind))
    weights.load_state_dict(model.state_dict())
    for wide in (weights, model.float()):
        assert {y.dtype for y in outputs(wide, x)} == {torch.float32}
    assert relative_error(outputs(weights, x), outputs(model, x)) < 1e-5


@pytest.mark.usefixtures('_bf16')
@pytest.mark.parametrize('arch', ['small', 'xxs'])
@torch.no_grad()
def test_what_is_around_a_backbone_keeps_its_dtype(arch: str) -> None:
    model = UniFormerClassifier(arch, num_classes=3).eval()
    deployed = deploy(model, inplace=False, dtype=HALF)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert deployed.head.weight.dtype == torch.float32
    logits = deployed(torch.rand(1, 3, 64, 64))
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


def test_other_processors_stay_at_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MODULE, 'has_bf16', lambda: False)
    with pytest.warns(UserWarning, match='no instructions for bf16'):
        model = deploy(small('image'), dtype=HALF)
    assert model.deployed
    expected = outputs(deploy(small('image')), 'image')
    assert relative_error(outputs(model, 'image'), expected) == 0
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        deploy(small('image'), dtype=None)


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32, 'bf16'])
def test_other_dtypes_are_refused(dtype: object) -> None:
    model = small('image')
    with pytest.raises(ValueError, match=r'dtype must be torch\.bfloat16 or'):
        deploy(model, dtype=dtype)
    assert not model.deployed


@pytest.mark.usefixtures('_bf16')
def test_wrong_inputs_are_told_of_as_ever() -> None:
    model = deploy(small('image'), dtype=HALF)
    for wrong in (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), 'picture'):
        with pytest.raises(TypeError):
            model(wrong)
