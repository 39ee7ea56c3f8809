"""Weights of every kind of file, in every kind of backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.registry import MODELS
from torch import nn

from tests.support.golden import GoldenCase, fill_model
from tests.support.models import build, random_input
from tests.support.official_weights import (
    SMALL,
    as_recognizer,
    filled,
    save,
    small_file,
    whole,
)
from uniformer_mm import UniFormer, UniFormerClassifier, UniFormerLight
from uniformer_mm.weights.files import write_weights
from uniformer_mm.weights.found import find_weights
from uniformer_mm.weights.initializer import UniFormerPretrained
from uniformer_mm.weights.load import load_backbone


@pytest.mark.parametrize(
    ('case', 'wrapper', 'options'),
    [
        ('cls_small', 'model', {'head_dim': 64}),
        ('cls_small_plus', 'state_dict', {'head_dim': 32}),
        ('cls_light_xxs', '', {'head_dim': 28}),
        ('video_small', 'model_state', {'head_dim': 64}),
    ],
)
def test_classifiers_give_the_golden_outputs(
    tmp_path: Path, case: str, wrapper: str, options: dict[str, Any]
) -> None:
    golden = GoldenCase(case)
    meta = golden.spec['meta']
    model = UniFormerClassifier(
        meta['arch'].removeprefix('light_'),
        num_classes=meta['num_classes'],
        ndim=3 if case.startswith('video') else 2,
    )
    fill_model(model)  # the heads; the backbone is made anew
    for parameter in model.backbone.parameters():
        nn.init.zeros_(parameter)
    path = save(tmp_path / 'a.pth', filled(case), wrapper)
    report = load_backbone(model.backbone, path, **options)
    dropped = {key.split('.')[0] for key in report.dropped}
    assert dropped <= {'head', 'aux_head', 'norm_cls', 'head_cls'}
    assert 'head' in dropped
    with torch.no_grad():
        out = model.eval()(golden.input())
    assert golden.relative_error('eval0', out) <= 1e-4


@pytest.mark.parametrize(
    ('case', 'model'),
    [
        ('dense_small_global', 'mask_rcnn'),
        ('dense_small_global', 'upernet'),
        ('dense_light_xxs', 'semantic_fpn'),
    ],
)
def test_whole_models_give_the_golden_outputs(
    tmp_path: Path, case: str, model: str
) -> None:
    golden = GoldenCase(case)
    path = save(tmp_path / 'a.pth', whole(model, filled(case)), 'state_dict')
    light = 'light' in case
    backbone = UniFormerLight('xxs') if light else UniFormer('small')
    load_backbone(backbone, path, head_dim=28 if light else 64)
    with torch.no_grad():
        outs = backbone.eval()(golden.input())
    for i, out in enumerate(outs):
        assert golden.relative_error(f'eval{i}', out) <= 1e-4


def test_the_batch_norm_never_becomes_norm4(tmp_path: Path) -> None:
    backbone = UniFormer('small')
    load_backbone(backbone, small_file(tmp_path))
    for i in range(1, 5):
        norm = getattr(backbone, f'norm{i}')
        assert (norm.weight == 1).all()
        assert not norm.bias.any()


def test_output_norms_start_anew(tmp_path: Path) -> None:
    backbone = UniFormer('small', out_indices=(0, 2))
    report = load_backbone(backbone, small_file(tmp_path))
    assert (backbone.norm3.weight == 1).all()
    assert not hasattr(backbone, 'blocks4')
    unbuilt = {k for k, rule in report.dropped.items() if 'stage' in rule}
    assert {key.split('.')[0] for key in unbuilt} == {
        'patch_embed4',
        'blocks4',
    }
    state = filled('cls_small')
    for key, value in backbone.state_dict().items():
        if not key.startswith('norm'):
            assert torch.equal(value, state[key]), key


def test_image_weights_go_into_videos(tmp_path: Path) -> None:
    path = small_file(tmp_path)
    mean = UniFormer('small', ndim=3, out_indices=(3,), out_norm='BN')
    report = load_backbone(mean, path)
    state = filled('cls_small')
    kernel = state['blocks1.0.attn.weight']
    assert torch.equal(
        mean.blocks1[0].attn.weight,
        (kernel[:, :, None] / 5).expand(-1, -1, 5, -1, -1),
    )
    assert torch.equal(mean.norm.running_mean, state['norm.running_mean'])
    assert any('mean' in what for what in report.changed.values())
    centre = UniFormer('small', ndim=3, out_indices=(3,), out_norm='BN')
    load_backbone(centre, path, inflation='centre')
    assert torch.equal(centre.blocks1[0].attn.weight[:, :, 2], kernel)
    assert not centre.blocks1[0].attn.weight[:, :, 0].any()


def test_split_models_start_from_image_weights(tmp_path: Path) -> None:
    split = UniFormer('small', ndim=3, split=True, out_indices=(3,))
    load_backbone(split, small_file(tmp_path))
    assert not split.blocks3[0].t_attn.qkv.weight.any()
    assert torch.equal(
        split.blocks3[0].attn.qkv.weight,
        filled('cls_small')['blocks3.0.attn.qkv.weight'],
    )


def test_as_init_cfg(tmp_path: Path) -> None:
    model = MODELS.build(
        {
            'type': 'uniformer_mm.UniFormer',
            'arch': 'small',
            'init_cfg': {
                'type': 'uniformer_mm.UniFormerPretrained',
                'checkpoint': small_file(tmp_path),
            },
        }
    )
    model.init_weights()
    state = filled('cls_small')
    loaded = {
        key: value for key, value in model.state_dict().items() if key in state
    }
    assert len(loaded) == len(model.state_dict()) - 8  # norm1 to norm4
    assert all(torch.equal(v, state[k]) for k, v in loaded.items())


def test_by_name_from_the_offline_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('UNIFORMER_MM_WEIGHTS', str(tmp_path))
    small_file(tmp_path)
    backbone = UniFormer('small')
    load_backbone(backbone, 'uniformer-small_in1k')
    assert torch.equal(
        backbone.patch_embed1.proj.weight,
        filled('cls_small')['patch_embed1.proj.weight'],
    )


def test_one_line_of_account(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    load_backbone(UniFormer('small'), small_file(tmp_path))
    (line,) = log.messages
    assert line.startswith(f'{SMALL} (model) into UniFormer: ')
    loaded = len(UniFormer('small').state_dict()) - 8
    assert f'{loaded} kept' in line
    assert '7 dropped (classifier)' in line
    assert 'new, not in the file: norm1, norm2, norm3, norm4' in line


def test_averaged_weights(tmp_path: Path) -> None:
    raw = filled('cls_small')
    average = {
        k: v + 1 if v.is_floating_point() else v for k, v in raw.items()
    }
    path = tmp_path / SMALL
    torch.save({'model': raw, 'model_ema': average}, path)
    backbone = UniFormer('small')
    load_backbone(backbone, path, ema=True)
    key = 'patch_embed1.proj.bias'
    assert torch.equal(backbone.patch_embed1.proj.bias, average[key])


def test_files_of_mmaction2_and_maps_without_norm(tmp_path: Path) -> None:
    state = filled('video_small')
    path = save(tmp_path / 'a.pth', as_recognizer(state), 'state_dict')
    bare = UniFormer('small', ndim=3, out_norm=None)
    load_backbone(bare, path, head_dim=64)
    assert all(torch.equal(v, state[k]) for k, v in bare.state_dict().items())


def test_light_images_into_light_videos(tmp_path: Path) -> None:
    image = build('light_scale')
    path = tmp_path / 'own.pth'
    write_weights(image.state_dict(), path)
    video = build('light_video', layer_scale=0.1)
    report = load_backbone(video, path, head_dim=16)
    assert 'gain that only image models have' in report.dropped.values()
    assert torch.equal(video.blocks3[1].gamma_1, image.blocks3[1].gamma_1)


def test_gains_of_light_videos_may_be_new(tmp_path: Path) -> None:
    """As the smallest video models start from images without them."""
    image = build('light')
    path = tmp_path / 'own.pth'
    write_weights(image.state_dict(), path)
    with pytest.raises(
        ValueError, match=r'layer_scale is .*False.* and .*Tru'
    ):
        load_backbone(build('light_video', layer_scale=0.1), path, head_dim=16)
    video = build('light_video', layer_scale=0.1)
    load_backbone(video, path, head_dim=16, new_gains=True)
    for block in (video.blocks1[0], video.blocks3[1]):
        assert (block.gamma_1 == 0.1).all()
    weight = image.blocks3[1].attn.qkv.weight
    assert torch.equal(video.blocks3[1].attn.qkv.weight, weight)
    # Gains that the file has are loaded, not kept.
    write_weights(build('light_scale').state_dict(), path)
    load_backbone(video, path, head_dim=16, new_gains=True)
    assert (video.blocks3[1].gamma_1 == 0.5).all()


def test_the_norm_of_the_class_token(tmp_path: Path) -> None:
    state = filled('cls_light_xxs')
    path = save(tmp_path / 'uniformer_xxs_224_in1k.pth', state)
    settings = {'ndim': 3, 'out_indices': (3,), 'out_norm': 'BN'}
    video = UniFormerLight('xxs', out_cls_token=True, **settings)
    report = load_backbone(video, path)
    for name in ('norm', 'norm_cls'):
        weight = getattr(video, name).weight
        assert torch.equal(weight, state[f'{name}.weight'])
        assert f'{name}.weight' in report.kept
    without = UniFormerLight('xxs', **settings)
    assert 'norm_cls.weight' in load_backbone(without, path).dropped


def test_image_weights_for_patches_that_overlap_in_time(
    tmp_path: Path,
) -> None:
    options = {'ndim': 3, 'split': True, 'temporal_stride_std': True}
    model = UniFormer('small', **options)
    load_backbone(model, small_file(tmp_path))
    assert model.patch_embed2.proj.weight.shape[2] == 3
    path = save(tmp_path / 'b.pth', filled('video_small_split_std'))
    with pytest.raises(ValueError, match='temporal_stride_std is True in the'):
        load_backbone(UniFormer('small', ndim=3, split=True), path)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'<!DOCTYPE html><html></html>', 'web page'),
        (b'', 'empty'),
        (b'PK\x03\x04 cut off', 'damaged|truncated|cut'),
    ],
)
def test_no_weight_file(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / SMALL).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_backbone(UniFormer('small'), tmp_path / SMALL)


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='is a folder'):
        load_backbone(UniFormer('small'), tmp_path)
    path = small_file(tmp_path)
    with pytest.raises(TypeError, match='UniFormerLight, got Linear'):
        load_backbone(nn.Linear(1, 1), path)
    with pytest.raises(ValueError, match="unknown inflation 'meen'; choose"):
        load_backbone(UniFormer('small'), path, inflation='meen')
    with pytest.raises(ValueError, match="unknown stem_channels 'rgb'; choo"):
        load_backbone(UniFormer('small'), path, stem_channels='rgb')
    with pytest.raises(TypeError, match=r'unknown headdim; .* takes head_di'):
        UniFormerPretrained(path, headdim=32)


def test_a_found_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / SMALL
    found = find_weights(small_file(tmp_path))
    assert found.identity.archs == ('small',)
    assert found.head_dim == 64
    path.unlink()
    backbone = UniFormer('small')
    load_backbone(backbone, found)
    with pytest.raises(ValueError, match='ema=True is for find_weights, got'):
        load_backbone(backbone, found, ema=True)
    assert torch.equal(
        backbone.patch_embed1.proj.weight,
        filled('cls_small')['patch_embed1.proj.weight'],
    )


def test_loading_comes_last_in_a_list(tmp_path: Path) -> None:
    loads = {
        'type': 'uniformer_mm.UniFormerPretrained',
        'checkpoint': small_file(tmp_path),
    }
    fills = {'type': 'Constant', 'layer': 'Linear', 'val': 0.5}
    model = UniFormer('small', init_cfg=[loads, fills])
    model.init_weights()
    key = 'blocks3.0.attn.qkv.weight'
    assert torch.equal(model.state_dict()[key], filled('cls_small')[key])


@pytest.mark.parametrize(
    ('kind', 'changes'),
    [
        ('image', {}),
        ('light', {}),
        ('split', {}),
        ('image', {'out_indices': (3,), 'out_norm': 'BN'}),
        ('video', {'out_indices': (3,), 'out_norm': 'BN'}),
    ],
)
def test_our_own_files_round_trip(
    tmp_path: Path, kind: str, changes: dict[str, Any]
) -> None:
    model, other = build(kind, **changes), build(kind, **changes)
    for parameter in other.parameters():
        nn.init.normal_(parameter)
    path = tmp_path / 'own.pth'
    write_weights(model.state_dict(), path)
    load_backbone(other, str(path), head_dim=16)
    x = random_input(kind, 1, 64, 64)
    with torch.no_grad():
        for a, b in zip(model.eval()(x), other.eval()(x), strict=True):
            assert torch.equal(a, b)
