from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS

from tests.support.models import LIGHT, TINY, random_input
from uniformer_mm import ArchSpec, UniFormerClassifier, UniFormerLight

LIGHT_SPEC = ArchSpec(**LIGHT, light=True)


@pytest.mark.parametrize('kind', ['image', 'video'])
def test_logits_are_head_of_mean_of_norm(kind: str) -> None:
    ndim = 3 if kind == 'video' else 2
    torch.manual_seed(0)
    model = UniFormerClassifier(TINY, num_classes=5, ndim=ndim).eval()
    x = random_input(kind, 2, 64, 96)
    with torch.no_grad():
        (features,) = model.backbone(x)
        mean = features.flatten(2).mean(2)
        torch.testing.assert_close(model(x), model.head(mean))


def test_token_labelled() -> None:
    torch.manual_seed(0)
    model = UniFormerClassifier(
        TINY, num_classes=5, token_labeling=True, norm_eval=True
    )
    x = random_input('image', 2, 64, 96)
    model.backbone.norm.eval()  # the same features in both modes
    logits, dense = model(x)
    (features,) = model.backbone(x)
    tokens = features.flatten(2).transpose(1, 2)
    torch.testing.assert_close(logits, model.head(tokens.mean(1)))
    torch.testing.assert_close(dense, model.aux_head(tokens))
    (logits.sum() + dense.sum()).backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    with torch.no_grad():
        out = model(x)
        tokens = model.backbone(x)[0].flatten(2).transpose(1, 2)
        best = model.aux_head(tokens).max(1).values
        expected = model.head(tokens.mean(1)) + 0.5 * best
    torch.testing.assert_close(out, expected)


def test_light_has_two_heads_in_training() -> None:
    torch.manual_seed(0)
    model = UniFormerClassifier(LIGHT_SPEC, num_classes=5, norm_eval=True)
    assert type(model.backbone) is UniFormerLight
    x = random_input('light', 2, 64, 96)
    logits, cls_logits = model(x)
    (features,), state = model.backbone.forward_features(x)
    torch.testing.assert_close(logits, model.head(features.mean((2, 3))))
    token = state.cls_token[:, 0]
    normed = token - token.mean(1, keepdim=True)
    normed = normed / (token.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    normed = normed * model.norm_cls.weight + model.norm_cls.bias
    torch.testing.assert_close(cls_logits, model.head_cls(normed))
    (logits.sum() + cls_logits.sum()).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert model.eval()(x).shape == (2, 5)


def test_it_is_registered() -> None:
    model = MODELS.build(
        {
            'type': 'uniformer_mm.UniFormerClassifier',
            'arch': TINY,
            'num_classes': 7,
            'drop_path_rate': 0.1,
        }
    )
    assert model.head.out_features == 7
    assert model.backbone.blocks4[0].drop_path.drop_prob > 0


def test_initialisation_is_the_papers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = UniFormerClassifier(TINY).backbone
    torch.save(source.state_dict(), tmp_path / 'backbone.pth')
    model = UniFormerClassifier(
        TINY,
        backbone_init_cfg={
            'type': 'Pretrained',
            'checkpoint': str(tmp_path / 'backbone.pth'),
        },
    )
    model.init_weights()
    assert model.head.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not model.head.bias.any()
    for key, value in source.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[key], value), key
