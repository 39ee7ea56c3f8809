"""Models that are built without memory and then given some."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from mmengine.model import BaseModule
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.modules.batchnorm import _BatchNorm

from tests.support.models import KINDS, build, every_kind, random_input
from uniformer_mm import UniFormerClassifier


class Detector(BaseModule):
    """A model that holds a backbone, as those of the hosts do."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.backbone = build(kind)
        self.head = nn.Linear(3, 3)


@torch.no_grad()
def given_memory(model: nn.Module) -> Any:
    """Put the model into memory that holds anything."""
    assert all(p.is_meta for p in model.parameters())
    model.to_empty(device='cpu')
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.fill_(float('nan') if tensor.is_floating_point() else 77)
    model.init_weights()
    return model


def assert_as_usual(model: nn.Module, usual: nn.Module) -> None:
    """Constants are the same, random numbers are spread the same."""
    expected = usual.state_dict()
    assert model.state_dict().keys() == expected.keys()
    for name, value in model.state_dict().items():
        assert value.isfinite().all(), name
        other = expected[name]
        if value.numel() == 1 or other.min() == other.max():
            assert torch.equal(value, other), name
            continue
        # Each of few numbers may be anywhere in their range.
        if value.numel() < 64:
            assert value.abs().max() < 2, name
            continue
        slack = 0.1 + 4 / math.sqrt(value.numel())
        spread = pytest.approx(float(other.std()), rel=slack)
        assert float(value.std()) == spread, name
        bound = (1.4 + slack) * other.abs().max()
        assert value.abs().max() <= bound, name


@every_kind
def test_fake_tensors_tell_shapes(kind: str) -> None:
    x = random_input(kind, 1, 64, 64)
    shapes = [out.shape for out in build(kind)(x)]
    with FakeTensorMode() as mode:
        outs = build(kind)(mode.from_tensor(x))
    assert [out.shape for out in outs] == shapes


@every_kind
def test_init_weights_sets_all_of_a_backbone(kind: str) -> None:
    usual = build(kind)
    usual.init_weights()
    with torch.device('meta'):
        model = build(kind)
    given_memory(model)
    assert_as_usual(model, usual)
    x = random_input(kind, 2, 64, 64)
    assert all(out.isfinite().all() for out in model.eval()(x))


@every_kind
def test_init_weights_sets_norms_and_gains_as_they_start(kind: str) -> None:
    with torch.device('meta'):
        model = build(kind)
    given_memory(model)
    for name, module in model.named_modules():
        if isinstance(module, (_BatchNorm, nn.LayerNorm)):
            assert (module.weight == 1).all(), name
            assert (module.bias == 0).all(), name
        if isinstance(module, _BatchNorm):
            assert (module.running_mean == 0).all(), name
            assert (module.running_var == 1).all(), name
            assert module.num_batches_tracked == 0, name
    for name, parameter in model.named_parameters():
        if 'gamma_' in name:
            assert (parameter == 0.5).all(), name
        if name == 'cls_token':
            assert (parameter == 0).all()
        if '.t_attn.' in name:
            starts_at = 1 if name.endswith('proj.weight') else 0
            assert (parameter == starts_at).all(), name


@every_kind
def test_init_weights_of_a_whole_model_reaches_the_backbone(kind: str) -> None:
    usual = Detector(kind)
    usual.init_weights()
    with torch.device('meta'):
        model = Detector(kind)
    model.to_empty(device='cpu')
    nn.init.zeros_(model.head.weight)
    given = model.backbone
    with torch.no_grad():
        for tensor in (*given.parameters(), *given.buffers()):
            tensor.fill_(7)
    model.init_weights()
    assert_as_usual(model.backbone, usual.backbone)


@pytest.mark.parametrize('kind', ['layer_scale', 'light', 'light_video'])
def test_init_weights_sets_all_of_a_classifier(kind: str) -> None:
    settings = dict(KINDS[kind][1])
    arch = {**settings.pop('arch'), 'light': kind.startswith('light')}

    def classifier() -> UniFormerClassifier:
        return UniFormerClassifier(arch, num_classes=40, **settings)

    usual = classifier()
    usual.init_weights()
    with torch.device('meta'):
        model = classifier()
    given_memory(model)
    assert_as_usual(model, usual)


@every_kind
def test_weights_load_into_a_model_without_memory(kind: str) -> None:
    usual = build(kind).eval()
    with torch.device('meta'):
        model = build(kind).eval()
    model.load_state_dict(usual.state_dict(), assign=True)
    x = random_input(kind, 1, 64, 64)
    torch.testing.assert_close(model(x), usual(x), rtol=0, atol=0)
