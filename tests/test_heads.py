"""Losses of light and token-labelled models, against what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.support.models import TINY
from uniformer_mm import UniFormer
from uniformer_mm.backbones.mix_token import MixTokenUniFormer, draw_box
from uniformer_mm.heads import LightClsHead, TokenLabelClsHead
from uniformer_mm.heads.token_label import dense_targets

C, K = 8, 5  # channels, classes


class Sample(dict[str, Any]):
    """As mmpretrain's: fields that it may have or not."""

    __getattr__ = dict.__getitem__


def cross_entropy(logits: Tensor, weights: Tensor, smooth: float) -> Tensor:
    weights = (1 - smooth) * weights + smooth / K
    return -(weights * logits.log_softmax(-1)).sum(-1).mean()


def test_light_losses_are_half_each() -> None:
    torch.manual_seed(0)
    head = LightClsHead(K, C, label_smooth_eps=0.1)
    feats = torch.randn(2, C, 3, 4), torch.randn(2, C)
    labels = torch.tensor([1, 4])
    mixed = F.one_hot(labels, K) * 0.7 + F.one_hot(labels.flip(0), K) * 0.3
    plain = [Sample(gt_label=label[None]) for label in labels]
    blended = [Sample(gt_score=score) for score in mixed]
    for samples, weights in (
        (plain, F.one_hot(labels, K).float()),
        (blended, mixed),
    ):
        losses = head.loss(feats, samples)
        for name, logits in (
            ('loss_map', head.fc(feats[0].mean((2, 3)))),
            ('loss_cls_token', head.fc_cls(feats[1])),
        ):
            expected = 0.5 * cross_entropy(logits, weights, 0.1)
            torch.testing.assert_close(losses[name], expected)
    with pytest.raises(TypeError, match='out_cls_token=True'):
        head(feats[0])
    with pytest.raises(ValueError, match='without gt_label'):
        head.loss(feats, [Sample(), Sample()])


def label_map(picture: Tensor) -> Tensor:
    """(h, w) classes -> (2, 2, h, w): the class with 10, the next with 1."""
    classes = torch.stack([picture, (picture + 1) % K]).float()
    scores = torch.tensor([10.0, 1.0])[:, None, None].expand_as(classes)
    return torch.stack([scores, classes])


def test_targets_are_those_of_the_crop() -> None:
    """Left and right half differ; top and bottom do not."""
    picture = torch.zeros(12, 12, dtype=torch.long)
    picture[:, 6:] = 3
    maps = label_map(picture)[None]

    def best(*box: float) -> tuple[int, list[int]]:
        image, tokens = dense_targets(maps, torch.tensor([box]), K, (2, 2))
        assert image.shape == (1, K)
        torch.testing.assert_close(tokens.sum(-1), torch.ones(1, 4))
        return int(image.argmax()), tokens[0].argmax(-1).tolist()

    assert best(0, 0, 1, 1)[1] == [0, 3, 0, 3]  # row by row
    assert best(0, 0, 0.4, 1) == (0, [0] * 4)
    assert best(0.6, 0, 1, 1) == (3, [3] * 4)
    with pytest.raises(ValueError, match=r'\[0, 2\], got 4'):
        dense_targets(maps, torch.tensor([[0, 0, 1.0, 1]]), 3, (2, 2))


def samples_of(*pictures: int) -> list[Sample]:
    return [
        Sample(
            token_labels=label_map(torch.full((4, 4), number)),
            crop_box=torch.tensor([0.0, 0.0, 1.0, 1.0]),
        )
        for number in pictures
    ]


def test_token_losses_undo_the_mixing() -> None:
    torch.manual_seed(0)
    head = TokenLabelClsHead(K, C, label_smooth_eps=0.1)
    maps = torch.randn(2, C, 2, 2)
    samples = samples_of(1, 4)
    weights = torch.zeros(2, K)
    for row, (first, second) in enumerate([(1, 2), (4, 0)]):
        weights[row, first], weights[row, second] = 10, 1
    weights = weights.softmax(-1)
    # The left column of tokens, and a bit more that is no whole token.
    losses = head.loss((maps, (0, 0, 17, 9)), samples)
    mixed = (weights + weights.flip(0)) / 2
    expected = cross_entropy(head.fc(maps.mean((2, 3))), mixed, 0.1)
    torch.testing.assert_close(losses['loss_image'], expected)
    own = maps.clone()
    own[..., 0] = maps.flip(0)[..., 0]
    logits = head.fc_aux(own.flatten(2).transpose(1, 2))
    expected = cross_entropy(logits, weights[:, None].expand(2, 4, K), 0.1)
    torch.testing.assert_close(losses['loss_tokens'], expected)
    # Nothing mixed.
    plain = head.loss(maps, samples)['loss_image']
    expected = cross_entropy(head.fc(maps.mean((2, 3))), weights, 0.1)
    torch.testing.assert_close(plain, expected)
    with pytest.raises(ValueError, match='LoadTokenLabels'):
        head.loss(maps, [Sample(), Sample()])


@pytest.fixture
def seeded() -> Iterator[None]:
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)


@pytest.mark.usefixtures('seeded')
def test_mixed_tokens_are_of_the_opposite_image() -> None:
    torch.manual_seed(0)
    settings = {'out_indices': (0,), 'out_norm': None, 'as_tuple': False}
    model = MixTokenUniFormer(TINY, **settings)
    plain = UniFormer(TINY, **settings)
    plain.load_state_dict(model.state_dict())
    x = torch.randn(2, 3, 64, 96)
    torch.testing.assert_close(model.eval()(x), plain.eval()(x))
    model.blocks1 = plain.blocks1 = torch.nn.ModuleList()
    maps, (top, left, bottom, right) = model.train()(x)
    assert 0 <= top < bottom <= 16
    assert 0 <= left < right <= 24
    expected = plain.train()(x)
    swapped = expected.flip(0)
    inside = torch.zeros(16, 24, dtype=torch.bool)
    inside[top:bottom, left:right] = True
    torch.testing.assert_close(maps, torch.where(inside, swapped, expected))


@pytest.mark.usefixtures('seeded')
def test_boxes_are_of_all_shares() -> None:
    boxes = [draw_box(56, 56) for _ in range(2000)]
    shares = (
        np.array([(b - t) * (r - left) for t, left, b, r in boxes]) / 56**2
    )
    # Uniform before the border cuts it: its mean is 1/2 then.
    assert 0.25 < shares.mean() < 0.45
    assert shares.max() > 0.9
