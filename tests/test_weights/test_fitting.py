"""Weights that do not fit their backbone, or may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.support.models import build
from tests.support.official_weights import SMALL, filled, save, small_file
from uniformer_mm import UniFormer
from uniformer_mm.weights.files import write_weights
from uniformer_mm.weights.load import load_backbone
from uniformer_mm.weights.zoo import ZOO


@pytest.mark.parametrize(
    ('backbone', 'message'),
    [
        ({'arch': 'base'}, r'depths is \(3, 4, 8, 3\) in the file and \(5'),
        ({'stem': 'conv'}, 'stem is patch in the file and conv in the back'),
        ({'layer_scale': 0.1}, 'layer_scale is .*False.* and .*True'),
        ({'head_dim': 32}, 'trained with head_dim=64, the backbone has head'),
        (
            {'in_channels': 4},
            "3 in the file and 4 in the backbone; choose stem_channels='repea",
        ),
        ({'in_channels': 1}, "1 in the backbone; choose stem_channels='sum'"),
        ({'in_channels': 2}, '2 in the backbone; none of stem_channels does'),
    ],
)
def test_another_backbone(
    tmp_path: Path, backbone: dict[str, Any], message: str
) -> None:
    model = UniFormer(**{'arch': 'small', **backbone})
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_backbone(model, small_file(tmp_path))
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_light_weights_are_not_for_uniformer(tmp_path: Path) -> None:
    path = save(tmp_path / 'a.pth', filled('cls_light_xxs'))
    with pytest.raises(ValueError, match='light is True in the file and Fal'):
        load_backbone(UniFormer('small'), path)


def test_videos_do_not_become_images(tmp_path: Path) -> None:
    path = save(tmp_path / 'a.pth', filled('video_small'), 'model_state')
    with pytest.raises(ValueError, match='ndim is 3 in the file and 2 in'):
        load_backbone(UniFormer('small'), path)
    joint = UniFormer('small', ndim=3)
    path = save(tmp_path / 'b.pth', filled('video_small_split_std'))
    with pytest.raises(ValueError, match='split is True in the file and Fals'):
        load_backbone(joint, path)


@pytest.mark.parametrize('change', ['missing', 'extra', 'transposed'])
def test_damaged_files(tmp_path: Path, change: str) -> None:
    state = filled('cls_small')
    key = 'blocks3.2.attn.qkv.weight'
    if change == 'missing':
        del state[key]
    elif change == 'extra':
        state['blocks3.2.attn.extra'] = torch.zeros(1)
        key = 'blocks3.2.attn.extra'
    else:
        state[key] = state[key].T.contiguous()
    path = save(tmp_path / 'a.pth', state)
    with pytest.raises(ValueError, match=key.replace('.', r'\.')):
        load_backbone(UniFormer('small'), path)


def test_an_unknown_file_warns_of_head_dim(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / 'mine.pth', filled('cls_small'))
    load_backbone(UniFormer('small'), path)
    warning, _ = log.messages
    assert 'check that it was trained with head_dim=64' in warning
    log.clear()
    load_backbone(UniFormer('small'), path, head_dim=64)
    assert len(log.messages) == 1
    with pytest.raises(ValueError, match='trained with head_dim=32, the back'):
        load_backbone(UniFormer('small'), path, head_dim=32)


def test_a_stated_head_dim_against_the_catalogue(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='contradicts the catalogue'):
        load_backbone(
            UniFormer('small', head_dim=32), small_file(tmp_path), head_dim=32
        )


def test_the_catalogue_contradicts_the_content(tmp_path: Path) -> None:
    small = filled('cls_small')
    path = save(tmp_path / 'uniformer_base_in1k.pth', small)
    with pytest.raises(ValueError, match='arch is small in the file and base'):
        load_backbone(UniFormer('small'), path)
    labelled = {
        **small,
        'aux_head.weight': torch.zeros(1000, 512),
        'aux_head.bias': torch.zeros(1000),
    }
    path = save(tmp_path / SMALL, labelled)
    with pytest.raises(ValueError, match='token_labeling is True in the file'):
        load_backbone(UniFormer('small'), path)
    path = save(tmp_path / 'mine.pth', labelled)
    report = load_backbone(UniFormer('small'), path, head_dim=64)
    assert 'aux_head.weight' in report.dropped


def test_a_known_name_with_another_hash(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    entry = next(e for e in ZOO.values() if e.sha256 and e.arch == 'small')
    path = save(tmp_path / entry.local_name, filled('cls_small'))
    load_backbone(UniFormer('small'), path, head_dim=64)
    assert f'has the name of {entry.name} but not its sha256' in log.text


def test_early_stages_have_no_head_dim(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / 'mine.pth', filled('cls_small'))
    load_backbone(UniFormer('small', out_indices=(1,)), path)
    assert len(log.messages) == 1


def test_narrow_and_empty_targets(tmp_path: Path) -> None:
    state = filled('cls_small')
    state['blocks1.0.norm1.running_var'] += 1e6
    path = save(tmp_path / SMALL, state)
    with pytest.raises(ValueError, match=r'running_var as torch\.float16'):
        load_backbone(UniFormer('small').half(), path)
    with torch.device('meta'):
        empty = UniFormer('small')
    with pytest.raises(ValueError, match='on the meta device'):
        load_backbone(empty, path)


def test_changed_layers_are_not_left_out(tmp_path: Path) -> None:
    """What was put in by hand has other keys and shapes than the arch."""
    path = save(tmp_path / 'own.pth', build('image').state_dict())
    model = build('image')
    model.blocks3[0].mlp.fc1 = nn.Sequential(model.blocks3[0].mlp.fc1)
    with pytest.raises(
        ValueError, match=r'fc1\.0\.weight is missing in the f'
    ):
        load_backbone(model, path, head_dim=16)
    model = build('image')
    model.blocks4[0].mlp.fc2 = nn.Linear(100, 64)
    with pytest.raises(
        ValueError, match=r'is \(64, 256\) in .* \(64, 100\) in'
    ):
        load_backbone(model, path, head_dim=16)


@pytest.mark.parametrize('stated', [None, 16, 8])
def test_a_file_may_tell_its_head_dim(
    tmp_path: Path, log: pytest.LogCaptureFixture, stated: int | None
) -> None:
    path = tmp_path / 'own.pth'
    model = build('image')
    write_weights(model.state_dict(), path, meta={'head_dim': 16})
    if stated == 8:
        with pytest.raises(
            ValueError, match=r'8 contradicts the file: own\.p'
        ):
            load_backbone(model, path, head_dim=stated)
    else:
        load_backbone(model, path, head_dim=stated)
        assert len(log.messages) == 1
    with pytest.raises(ValueError, match='trained with head_dim=16, the back'):
        load_backbone(build('image', head_dim=8), path)
