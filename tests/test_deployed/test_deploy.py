"""The deployed form: same outputs, fewer layers, no way to misuse it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmengine.runner.checkpoint import load_checkpoint, save_checkpoint
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

import uniformer_mm
from tests.support.deployed import assert_same, outputs
from tests.support.models import KINDS, every_kind, random_input, random_loss
from tests.support.models import build as build_tiny
from tests.support.small import stir
from uniformer_mm import UniFormerClassifier, deploy


def build(kind: str, **changes: Any) -> Any:
    """A model in eval mode whose norms and gains are far from neutral."""
    model = build_tiny(kind, **changes).eval()
    stir(model)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (_BatchNorm, nn.LayerNorm)):
                module.weight[::2].neg_()
    return model


@every_kind
@pytest.mark.parametrize('size', [(64, 96), (75, 101)])
def test_outputs_stay(kind: str, size: tuple[int, int]) -> None:
    model = build(kind)
    x = random_input(kind, 2, *size)
    expected = outputs(model, x)
    assert deploy(model) is model
    assert_same(outputs(model, x), expected)


@every_kind
def test_what_is_left(kind: str) -> None:
    model = build(kind)
    gains = [name for name in model.state_dict() if 'gamma_' in name]
    deploy(model)
    assert model.deployed
    assert not any(isinstance(m, _BatchNorm) for m in model.modules())
    assert not any(p.requires_grad for p in model.parameters())
    left = [name for name in model.state_dict() if 'gamma_' in name]
    # Only where one gain is for the update of the rest alone.
    thirds = {g.rpartition('.')[0] for g in gains if g.endswith('gamma_3')}
    assert left == [g for g in gains if g.rpartition('.')[0] in thirds]


def test_classifier_and_whatever_holds_a_backbone() -> None:
    arch = KINDS['image'][1]['arch']
    model = UniFormerClassifier(arch, num_classes=7, token_labeling=True)
    model.eval()
    x = random_input('image', 2, 64, 64)
    expected = outputs(model, x)
    holder = nn.ModuleDict({'backbone': model, 'head': nn.BatchNorm2d(3)})
    assert deploy(holder.eval()) is holder
    assert_same(outputs(model, x), expected)
    assert model.backbone.deployed
    assert model.head.weight.requires_grad
    assert isinstance(holder['head'], nn.BatchNorm2d)


def test_input_gradient_stays() -> None:
    model = build('image')
    x = random_input('image', 1, 64, 64)
    grads = []
    for each in (model, deploy(build('image'))):
        x = x.detach().requires_grad_()
        random_loss(each(x)).backward()
        grads.append(x.grad)
    assert_same(grads[1:], grads[:1])


def test_training_mode_is_refused() -> None:
    model = build('image')
    model.blocks1[0].norm1.train()
    with pytest.raises(RuntimeError, match=r'eval mode.*call \.eval\(\)'):
        deploy(model)
    deploy(model.eval())
    with pytest.raises(RuntimeError, match="can't be trained; train the"):
        model.train()
    assert not model.eval().training


def test_what_is_no_backbone_is_refused() -> None:
    with pytest.raises(ValueError, match='UniFormerLight, got Conv2d'):
        deploy(nn.Conv2d(3, 3, 1))
    with pytest.raises(TypeError, match=r'torch\.nn\.Module, got dict'):
        deploy({})
    model = deploy(build('image'))
    with pytest.raises(ValueError, match='UniFormer is deployed already'):
        deploy(model)


def test_a_graph_is_refused_as_that() -> None:
    graph = torch.fx.symbolic_trace(build('image').eval())
    with pytest.raises(ValueError, match=r'a graph: deploy\(\) comes be'):
        deploy(nn.Sequential(graph))


def test_a_refusal_changes_nothing() -> None:
    good, bad = build('image'), build('light').train()
    state = {key: value.clone() for key, value in good.state_dict().items()}
    with pytest.raises(RuntimeError, match='UniFormerLight in eval mode'):
        deploy(nn.ModuleList([good, bad]))
    assert not good.deployed
    torch.testing.assert_close(good.state_dict(), state, rtol=0, atol=0)


@every_kind
def test_saved_weights_load_into_the_same_form(kind: str) -> None:
    model, other = deploy(build(kind)), deploy(build_tiny(kind).eval())
    x = random_input(kind, 1, 64, 64)
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(
        outputs(other, x), outputs(model, x), rtol=0, atol=0
    )


@pytest.mark.parametrize('strict', [True, False])
def test_weights_of_the_other_form_are_refused(strict: bool) -> None:
    plain, deployed = build('image'), deploy(build('image'))
    with pytest.raises(ValueError, match='this one is plain; call deploy'):
        plain.load_state_dict(deployed.state_dict(), strict=strict)
    with pytest.raises(ValueError, match='this one is deployed; load them'):
        deployed.load_state_dict(plain.state_dict(), strict=strict)


def test_mmengine_checkpoints_are_told_apart(tmp_path: Any) -> None:
    arch = KINDS['image'][1]['arch']
    plain, other = (
        UniFormerClassifier(arch, num_classes=7).eval() for _ in range(2)
    )
    path = str(tmp_path / 'deployed.pth')
    x = random_input('image', 1, 64, 64)
    save_checkpoint({'state_dict': deploy(plain).state_dict()}, path)
    with pytest.raises(ValueError, match='weights are of a deployed UniForm'):
        load_checkpoint(other, path, map_location='cpu')
    load_checkpoint(deploy(other), path, map_location='cpu', strict=True)
    assert torch.equal(other(x), plain(x))
    # Weights of other parts alone say nothing of the form.
    head = {k: v for k, v in plain.state_dict().items() if 'head' in k}
    other.load_state_dict(head, strict=False)


def test_it_is_exported_at_the_top() -> None:
    assert 'deploy' in uniformer_mm.__all__
    assert callable(uniformer_mm.deploy)
