"""Weights of deployed models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.support.models import KINDS, build, random_input
from tests.support.official_weights import whole
from uniformer_mm import deploy
from uniformer_mm.weights.load import load_backbone


@pytest.mark.parametrize('form', ['bare', 'detector', 'classifier'])
@pytest.mark.parametrize('kind', KINDS)
def test_deployed_weights_load_into_deployed_backbones(
    save: Callable[..., Path], kind: str, form: str
) -> None:
    norm = {'out_indices': (3,), 'out_norm': 'BN'}
    changes = norm if form == 'classifier' else {}
    model = build(kind, **changes).eval()
    plain = dict(model.state_dict())
    state = deploy(model).state_dict()
    if form == 'detector':
        state = whole('mask_rcnn', state)
    if form == 'classifier':
        state = {f'backbone.{k}': v for k, v in state.items()}
        state['head.weight'] = torch.zeros(5, 64)
        state['head.bias'] = torch.zeros(5)
    path = save(state)
    other = build(kind, **changes).eval()
    for parameter in other.parameters():
        nn.init.uniform_(parameter)
    with pytest.raises(ValueError, match=r'deployed Uni.*is plain; call'):
        load_backbone(other, path, head_dim=16)
    other = deploy(other)
    load_backbone(other, path, head_dim=16)
    x = random_input(kind, 1, 64, 64)
    with torch.no_grad():
        for a, b in zip(model(x), other(x), strict=True):
            assert torch.equal(a, b)
    with pytest.raises(ValueError, match=r'a plain Uni.*this one is deploy'):
        load_backbone(other, save(plain), head_dim=16)


def test_deployed_images_do_not_become_videos(
    save: Callable[..., Path],
) -> None:
    state = deploy(build('image').eval()).state_dict()
    path = save(state)
    video = deploy(build('video').eval())
    with pytest.raises(ValueError, match='deployed image model, which do not'):
        load_backbone(video, path, head_dim=16)
    del state['blocks3.0.pos_embed.bias']
    save(state)
    with pytest.raises(
        ValueError, match=r'damaged .*blocks3\.0\.pos_embed\.b'
    ):
        load_backbone(deploy(build('image').eval()), path, head_dim=16)
