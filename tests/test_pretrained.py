"""``from_pretrained``: what a file says is built, loaded and computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.golden import GoldenCase, backbone_of, build, every_case
from tests.support.official_weights import as_recognizer, filled
from uniformer_mm import (
    UniFormer,
    UniFormerClassifier,
    UniFormerLight,
    deploy,
    from_pretrained,
)
from uniformer_mm.models import UniFormerClassifier as PlainClassifier

Save = Callable[[str], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write the weights of a golden case as an unknown file."""

    def save(case: str) -> Path:
        path = tmp_path / f'{case}.pth'
        torch.save({'model': filled(case)}, path)
        return path

    return save


@every_case
def test_it_computes_what_the_file_s_model_does(
    golden: GoldenCase, save: Save
) -> None:
    expected = build(golden).eval()
    backbone = backbone_of(expected)
    kind: Any = UniFormerClassifier
    settings = {'head_dim': backbone.spec.head_dim}
    if golden.spec['kind'] == 'dense':
        kind = UniFormerLight if backbone.light else UniFormer
    if kind is UniFormer:
        settings |= {
            'attention': backbone.attention,
            'window_size': backbone.window_size,
        }
    model = kind.from_pretrained(save(golden.name), **settings)
    assert type(model) is kind
    assert not model.training
    theirs = model.state_dict()
    assert theirs.keys() == expected.state_dict().keys()
    for name, value in expected.state_dict().items():
        assert torch.equal(theirs[name], value), name
    with torch.no_grad():
        outs = model(golden.input())
    for i, out in enumerate([outs] if torch.is_tensor(outs) else outs):
        assert golden.relative_error(f'eval{i}', out) <= 1e-4


@pytest.mark.parametrize(
    ('case', 'kind'),
    [('cls_small', UniFormer), ('cls_light_xxs', UniFormerLight)],
)
def test_the_file_tells_the_class(case: str, kind: type, save: Save) -> None:
    assert type(from_pretrained(save(case))) is kind


def test_a_catalogued_name_tells_its_head_dim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no file shows: token-labelled small models have heads of 32."""
    monkeypatch.setenv('UNIFORMER_MM_WEIGHTS', str(tmp_path))
    model = PlainClassifier('small', head_dim=32, token_labeling=True)
    state = {
        key.removeprefix('backbone.'): value
        for key, value in model.state_dict().items()
    }
    torch.save({'model': state}, tmp_path / 'uniformer_small_tl_224.pth')
    name = 'uniformer-small_tl-224'
    loaded = UniFormerClassifier.from_pretrained(name)
    assert loaded.backbone.spec.head_dim == 32
    assert loaded.token_labeling
    with pytest.raises(ValueError, match='head_dim=64 contradicts the cat'):
        UniFormer.from_pretrained(name, head_dim=64)


def test_arguments_reach_the_backbone(save: Save) -> None:
    model = from_pretrained(
        save('cls_small'), ndim=3, out_indices=(2, 3), drop_path_rate=0.1
    )
    assert model.ndim == 3
    assert model.out_channels == (320, 512)
    assert model.state_dict()['patch_embed1.proj.weight'].dim() == 5


def test_own_variants_are_built_from_their_shapes(tmp_path: Path) -> None:
    arch = {'depths': (1, 2, 1, 1), 'embed_dims': (32, 32, 64, 96)}
    saved = UniFormer({**arch, 'head_dim': 32}, stem='conv', in_channels=5)
    path = tmp_path / 'own.pth'
    torch.save(saved.state_dict(), path)
    with pytest.raises(ValueError, match='known variant, and head_dim can'):
        UniFormer.from_pretrained(path)
    model = UniFormer.from_pretrained(path, head_dim=32)
    x = torch.rand(1, 5, 64, 64)
    with torch.no_grad():
        for a, b in zip(model(x), saved.eval()(x), strict=True):
            assert torch.equal(a, b)


def test_weights_stay_when_mmengine_initialises(save: Save) -> None:
    model = UniFormer.from_pretrained(save('cls_small'))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model.init_weights()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_recognizer_of_mmaction_gives_a_classifier(tmp_path: Path) -> None:
    golden = GoldenCase('video_small')
    path = tmp_path / 'recognizer.pth'
    torch.save({'state_dict': as_recognizer(filled(golden.name))}, path)
    model = UniFormerClassifier.from_pretrained(path, head_dim=64)
    with torch.no_grad():
        logits = model(golden.input())
    assert golden.relative_error('eval0', logits) <= 1e-4


def test_a_class_below_ours_is_built(save: Save) -> None:
    class Mine(UniFormer):
        pass

    assert type(Mine.from_pretrained(save('cls_small'))) is Mine


@pytest.mark.parametrize(
    ('kind', 'case', 'arguments', 'error', 'match'),
    [
        (UniFormerLight, 'cls_small', {}, ValueError, 'UniFormer.from_pre'),
        (UniFormer, 'cls_light_xxs', {}, ValueError, 'UniFormerLight.from_'),
        (UniFormer, 'cls_small', {'arch': 'base'}, TypeError, 'arch'),
        (
            UniFormerClassifier,
            'cls_small',
            {'num_classes': 5},
            TypeError,
            'load_backbone',
        ),
        (
            UniFormerClassifier,
            'dense_small_global',
            {},
            ValueError,
            'backbone weights, without the head',
        ),
        (UniFormer, 'cls_small', {'attn': 'x'}, TypeError, 'attn'),
        (UniFormer, 'video_small', {'ndim': 2}, ValueError, 'ndim is 3'),
    ],
)
def test_refusals(
    kind: Any,
    case: str,
    arguments: dict[str, Any],
    error: type[Exception],
    match: str,
    save: Save,
) -> None:
    with pytest.raises(error, match=match):
        kind.from_pretrained(save(case), **arguments)


def test_a_deployed_file_gives_a_deployed_model(tmp_path: Path) -> None:
    arch = {'depths': (1, 1, 1, 1), 'embed_dims': (32, 32, 64, 96)}
    saved = deploy(UniFormer({**arch, 'head_dim': 32}).eval())
    path = tmp_path / 'deployed.pth'
    torch.save(saved.state_dict(), path)
    model = UniFormer.from_pretrained(path, head_dim=32)
    assert model.deployed
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for a, b in zip(model(x), saved(x), strict=True):
            assert torch.equal(a, b)


def test_other_input_channels_are_a_stated_choice(save: Save) -> None:
    path = save('cls_small')
    with pytest.raises(ValueError, match='stem_channels'):
        UniFormer.from_pretrained(path, in_channels=4)
    model = UniFormer.from_pretrained(
        path, in_channels=4, stem_channels='zero'
    )
    assert not model.patch_embed1.proj.weight[:, 3].any()
