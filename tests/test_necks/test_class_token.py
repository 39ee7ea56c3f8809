"""The light models' second loss, in mmaction2's recognizer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from tests.support.models import LIGHT
from uniformer_mm import UniFormerClassifier
from uniformer_mm.necks import ClassTokenNeck
from uniformer_mm.weights.convert import convert

pytest.importorskip('mmaction.models')
ARCH = dict(LIGHT, light=True)
DIM = LIGHT['embed_dims'][-1]
CLASSES = 7
SHAPE = (3, 4, 64, 64)  # C, T, H, W


def recognizer() -> nn.Module:
    from mmaction.registry import MODELS

    config = {
        'type': 'Recognizer3D',
        'backbone': {
            'type': 'uniformer_mm.UniFormerLight',
            'arch': dict(ARCH),
            'ndim': 3,
            'out_indices': (3,),
            'out_norm': 'BN',
            'as_tuple': False,
            'out_cls_token': True,
        },
        'neck': {
            'type': 'uniformer_mm.ClassTokenNeck',
            'in_channels': DIM,
            'num_classes': CLASSES,
            'loss_weight': 0.5,
            'label_smooth_eps': 0.1,
        },
        'cls_head': {
            'type': 'I3DHead',
            'num_classes': CLASSES,
            'in_channels': DIM,
            'dropout_ratio': 0.0,
            'label_smooth_eps': 0.1,
            'loss_cls': {'type': 'CrossEntropyLoss', 'loss_weight': 0.5},
            'average_clips': 'score',
        },
    }
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(config)
    torch.manual_seed(0)
    model.init_weights()
    return model


def samples(labels: list[Any]) -> list[Any]:
    from mmaction.structures import ActionDataSample

    return [ActionDataSample().set_gt_label(label) for label in labels]


@pytest.fixture(scope='module')
def classifier() -> UniFormerClassifier:
    """The official model: one loss on the map, one on the class token."""
    torch.manual_seed(0)
    model = UniFormerClassifier(ARCH, ndim=3, num_classes=CLASSES)
    nn.init.normal_(model.backbone.cls_token)
    nn.init.normal_(model.norm_cls.weight, 1, 0.1)
    return model


@pytest.fixture
def converted(classifier: UniFormerClassifier) -> nn.Module:
    model = recognizer()
    state = {
        key.removeprefix('backbone.'): value
        for key, value in classifier.state_dict().items()
    }
    model.load_state_dict(convert(state, 'action')[0], strict=True)
    return model


def soft(labels: list[int]) -> Tensor:
    """Blended targets: 0.7 of a class, 0.3 of the next."""
    own = F.one_hot(torch.tensor(labels), CLASSES)
    return 0.7 * own + 0.3 * own.roll(1, 1)


@pytest.mark.parametrize('blended', [False, True])
def test_the_loss_is_half_of_each(
    classifier: UniFormerClassifier, converted: nn.Module, blended: bool
) -> None:
    x, labels = torch.rand(2, *SHAPE), [2, 6]
    targets = soft(labels) if blended else F.one_hot(torch.tensor(labels), 7)
    targets = 0.9 * targets + 0.1 / CLASSES
    classifier.train()
    expected = [
        -0.5 * (targets * logits.log_softmax(1)).sum(1).mean()
        for logits in classifier(x)
    ]
    given = list(soft(labels)) if blended else labels
    losses = converted.train()(x[:, None], samples(given), mode='loss')
    torch.testing.assert_close(losses['loss_cls'], expected[0])
    torch.testing.assert_close(losses['loss_cls_token'], expected[1])
    total, _ = converted.parse_losses(losses)
    torch.testing.assert_close(total, expected[0] + expected[1])


def test_a_batch_of_one(converted: nn.Module) -> None:
    x = torch.rand(1, 1, *SHAPE)
    losses = converted.train()(x, samples([3]), mode='loss')
    assert losses['loss_cls_token'].isfinite()


def test_every_parameter_gets_a_gradient() -> None:
    model = recognizer().train()
    losses = model(torch.rand(2, 1, *SHAPE), samples([0, 1]), mode='loss')
    model.parse_losses(losses)[0].backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


@torch.no_grad()
def test_tests_use_the_head_alone(
    classifier: UniFormerClassifier, converted: nn.Module
) -> None:
    views = torch.rand(2, 3, *SHAPE)
    predicted = converted.eval()(views, samples([0, 1]), mode='predict')
    expected = classifier.eval()(views.flatten(0, 1))
    # Logits, averaged over the views of a video.
    expected = expected.reshape(2, 3, CLASSES).mean(1)
    for sample, score in zip(predicted, expected, strict=True):
        torch.testing.assert_close(sample.pred_score, score)
    converted.test_cfg = {'max_testing_views': 2}
    one = converted(views[:1], samples([0]), mode='predict')
    torch.testing.assert_close(one[0].pred_score, expected[0])


def test_a_backbone_without_the_token_is_refused() -> None:
    neck = ClassTokenNeck(DIM, CLASSES)
    with pytest.raises(TypeError, match='out_cls_token=True and as_tuple=Fal'):
        neck(torch.rand(1, DIM, 1, 2, 2))


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        ({'in_channels': 0}, ValueError, 'in_channels must be >= 1, got 0'),
        (
            {'num_classes': '7'},
            TypeError,
            "num_classes must be an int, got '7",
        ),
        ({'loss_weight': None}, TypeError, 'loss_weight must be a number'),
        ({'label_smooth_eps': 1}, ValueError, r'must lie in \[0, 1\), got 1'),
    ],
)
def test_bad_arguments(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ClassTokenNeck(**{'in_channels': 8, 'num_classes': 7, **changes})
