"""Telling what a state dict is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.golden import GoldenCase
from tests.support.models import KINDS as TINY_KINDS
from tests.support.models import TINY
from tests.support.models import build as build_tiny
from tests.support.official_weights import (
    CASES,
    DENSE,
    KINDS,
    as_recognizer,
    bare,
    whole,
)
from uniformer_mm import (
    ARCHS,
    ArchSpec,
    UniFormer,
    UniFormerClassifier,
    UniFormerLight,
)
from uniformer_mm.weights.identity import Identity, describe
from uniformer_mm.weights.recognize import recognize

every_arch = pytest.mark.parametrize('arch', ARCHS)
both_ndims = pytest.mark.parametrize('ndim', [2, 3])


def expected(name: str) -> dict[str, Any]:
    """What the golden case says about its model."""
    spec = GoldenCase(name).spec
    meta = spec['meta']
    arch = meta['arch'].removeprefix('light_')
    return {
        'ndim': 3 if spec['kind'] == 'video' else 2,
        'spec': seen(ARCHS[arch]),
        'split': meta.get('split', False),
        'temporal_stride_std': meta.get('std', False),
        'archs': (arch,),
    }


def seen(spec: ArchSpec) -> ArchSpec:
    """What keys and shapes show of a variant."""
    return replace(
        spec,
        head_dim=1,
        mlp_ratio=round(spec.mlp_ratio, 6),
        layer_scale=tuple(float(gain > 0) for gain in spec.layer_scale),
        params=None,
    )


def check(state: dict[str, Tensor], **facts: Any) -> None:
    identity = recognize(state, ARCHS)
    identity = replace(identity, spec=seen(identity.spec))
    assert {name: getattr(identity, name) for name in facts} == facts
    assert all(name in describe(identity) for name in identity.archs)


def on_meta(cls: type, *args: Any, **kwargs: Any) -> nn.Module:
    with torch.device('meta'):
        return cls(*args, **kwargs)


def without(state: dict[str, Tensor], *parts: str) -> dict[str, Tensor]:
    return {
        key: value
        for key, value in state.items()
        if not any(part in key for part in parts)
    }


@pytest.mark.parametrize('name', CASES)
def test_every_golden_case(name: str) -> None:
    meta = GoldenCase(name).spec['meta']
    check(
        bare(name),
        kind='backbone' if name in DENSE else 'classifier',
        num_classes=meta.get('num_classes'),
        token_labeling=meta.get('token_labeling', False),
        **expected(name),
    )


@pytest.mark.parametrize('model', KINDS)
@pytest.mark.parametrize('name', DENSE)
def test_every_whole_model(name: str, model: str) -> None:
    check(whole(model, bare(name)), kind=KINDS[model], **expected(name))


@pytest.mark.parametrize('name', [n for n in CASES if n.startswith('video')])
def test_recognizers_of_mmaction2(name: str) -> None:
    check(
        as_recognizer(bare(name)),
        kind='recognizer',
        num_classes=GoldenCase(name).spec['meta']['num_classes'],
        **expected(name),
    )


def test_classes_of_heads_leave_out_the_background() -> None:
    state = whole('mask_rcnn', bare('dense_small_global'))
    state['roi_head.bbox_head.fc_cls.bias'] = torch.zeros(81)
    check(state, kind='detector', num_classes=80)


@both_ndims
@every_arch
def test_every_arch_of_ours(arch: str, ndim: int) -> None:
    cls = UniFormerLight if ARCHS[arch].light else UniFormer
    model = on_meta(cls, arch, ndim=ndim)
    check(model.state_dict(), kind='backbone', ndim=ndim, archs=(arch,))


@both_ndims
@every_arch
def test_classifiers_of_ours(arch: str, ndim: int) -> None:
    model = on_meta(UniFormerClassifier, arch, ndim=ndim, num_classes=7)
    check(
        model.state_dict(),
        kind='classifier',
        ndim=ndim,
        num_classes=7,
        archs=(arch,),
    )


@pytest.mark.parametrize('kind', TINY_KINDS)
def test_settings_and_models_of_no_known_variant(kind: str) -> None:
    model = build_tiny(kind)
    state = model.state_dict()
    identity = recognize(state, {'mine': model.spec})
    known = TINY_KINDS[kind][1].get('stem', model.spec.stem) == model.spec.stem
    identity = replace(identity, spec=seen(identity.spec))
    assert identity == Identity(
        kind='backbone',
        spec=seen(model.spec),
        ndim=model.ndim,
        split=kind == 'split',
        temporal_stride_std=kind == 'split',
        archs=('mine',) if known else (),
    )
    unknown = recognize(state, ARCHS)
    assert unknown.archs == ()
    assert 'of no known variant' in describe(unknown)


def test_layer_scale_decides_between_variants_of_one_shape() -> None:
    specs = {'plain': ArchSpec(**TINY), 'ls': ArchSpec(layer_scale=1, **TINY)}
    for gain, name in ((0, 'plain'), (0.1, 'ls')):
        model = UniFormer(TINY, layer_scale=gain)
        assert recognize(model.state_dict(), specs).archs == (name,)


def test_odd_mlp_ratios_are_consistent() -> None:
    spec = ArchSpec(**TINY, mlp_ratio=3.3)
    state = UniFormer(spec).state_dict()
    assert recognize(state, {'odd': spec}).archs == ('odd',)


@pytest.mark.parametrize('norms', [(0,), (1, 3), (0, 1, 2, 3), ()])
def test_output_norms_are_free(norms: tuple[int, ...]) -> None:
    state = bare('dense_small_global')
    for i in {0, 1, 2, 3}.difference(norms):
        del state[f'norm{i + 1}.weight'], state[f'norm{i + 1}.bias']
    check(state, kind='backbone', archs=('small',))


def test_a_classifier_without_head_is_a_backbone() -> None:
    check(without(SMALL, 'head.'), kind='backbone', num_classes=None)


def test_counters_may_be_missing() -> None:
    state = {
        key: value
        for key, value in bare('cls_small').items()
        if not key.endswith('num_batches_tracked')
    }
    check(state, kind='classifier', archs=('small',))


def test_other_channels_than_colors() -> None:
    state = UniFormer(TINY, in_channels=6).state_dict()
    assert recognize(state, {}).in_channels == 6


def test_description() -> None:
    text = describe(recognize(bare('cls_large_tl'), ARCHS))
    assert text == (
        'image classifier of 1000 classes: UniFormer large (depths 5-10-24-7, '
        'widths 128-192-448-640, mlp_ratio 4, patch stem, layer scale in '
        'stages 1 2 3 4, token-labelling head)'
    )
    text = describe(recognize(bare('video_small_split_std'), ARCHS))
    assert 'video classifier of 174' in text
    assert 'split attention, patches that overlap in time)' in text


RESNET = {'conv1.weight': torch.zeros(1), 'layer1.0.bn1.bias': torch.zeros(1)}
SMALL = bare('cls_small')
DENSE_SMALL = bare('dense_small_global')


@pytest.mark.parametrize(
    ('state', 'message'),
    [
        ({}, r'no patch_embed1, .*blocks4; its keys are none at all'),
        (RESNET, r'has no patch_embed1, .*keys are conv1.weight, layer1'),
        (
            {f'module.{k}': v for k, v in SMALL.items()},
            r"keys begin with 'module\.', which must be stripped",
        ),
        (
            {f'module.backbone.{k}': v for k, v in SMALL.items()},
            r"keys begin with 'module\.backbone\.', which must be stripped",
        ),
        (
            {'model': SMALL, 'epoch': 3},
            r'model, epoch hold no tensor; pass the state dict inside',
        ),
        (
            {k: v for k, v in SMALL.items() if 'blocks3' not in k},
            r'it has no blocks3; its keys are',
        ),
        (
            without(whole('pose', DENSE_SMALL), 'blocks1.', 'blocks2.'),
            r'it has no blocks1, blocks2; its keys are backbone\.patch_embed1',
        ),
        (
            {**whole('pose', DENSE_SMALL), 'ema.x': torch.zeros(1)},
            r'unknown ema\.x next to the backbone; known are neck',
        ),
        (
            {**whole('pose', DENSE_SMALL), 'cls_head.x': torch.zeros(1)},
            r'more than one kind of model, keypoint_head.*, cls_head\.x',
        ),
    ],
)
def test_what_is_no_uniformer(state: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match='not a UniFormer file: .*' + message):
        recognize(state, ARCHS)


def reshaped(state: dict[str, Tensor], key: str, *shape: int) -> dict:
    return {**state, key: torch.empty(shape, device='meta')}


@pytest.mark.parametrize(
    ('state', 'message'),
    [
        (
            without(SMALL, 'blocks3.2.', 'blocks3.5.'),
            r'no blocks3\.2, blocks3\.5, the blocks of stage 3 are 0, 1, 3',
        ),
        (
            without(SMALL, 'blocks4.0', 'blocks4.1', 'blocks4.2')
            | {'blocks4.x': torch.zeros(1)},
            r'no blocks4\.0',
        ),
        (
            without(SMALL, 'blocks3.7.attn.qkv'),
            r'missing blocks3\.7\.attn\.qkv\.weight, blocks3\.7\.attn\.qkv\.',
        ),
        (
            reshaped(SMALL, 'blocks3.0.attn.qkv.weight', 320, 960),
            r'shape blocks3\.0\.attn\.qkv\.weight \(320, 960\) instead of '
            r'\(960, 320\)',
        ),
        (
            reshaped(SMALL, 'blocks1.0.pos_embed.bias', 32),
            r'shape blocks1\.0\.pos_embed\.bias \(32,\) instead of \(64,\)$',
        ),
        (
            reshaped(SMALL, 'blocks2.0.mlp.fc1.weight', 512, 128),
            r'fc1\.weight \(512, 128\) instead of \(512, 128, 1, 1\)',
        ),
        (
            {
                **SMALL,
                **{
                    k: v for k, v in bare('video_small').items() if 'norm' in k
                },
                'patch_embed2.proj.weight': torch.empty(128, 64, 1, 2, 2),
            },
            r'\(128, 64, 1, 2, 2\) instead of \(128, 64, 2, 2\)',
        ),
        (
            {**SMALL, 'head_dist.weight': torch.zeros(1)},
            r'unknown head_dist\.weight$',
        ),
        (without(SMALL, 'head.bias'), r'missing head\.bias$'),
        (
            {**SMALL, 'head.bias': torch.tensor(1.0)},
            r'head\.bias \(\) instead of \(1000,\)',
        ),
        (without(SMALL, 'head.weight'), r'missing head\.weight$'),
        (
            without(bare('cls_large_tl'), 'aux_head.weight'),
            r'missing aux_head\.weight$',
        ),
        (
            {k: v for k, v in SMALL.items() if not k.startswith('norm.')},
            r'missing norm\.weight, norm\.bias, norm\.running_mean, norm\.',
        ),
        (
            reshaped(SMALL, 'head.weight', 512, 1000),
            r'head\.weight \(512, 1000\) instead of \(1000, 512\)',
        ),
        (
            without(bare('cls_light_xxs'), 'cls_token'),
            r'missing cls_token$',
        ),
        (
            without(bare('cls_base_ls'), 'blocks4.3.gamma_2'),
            r'missing blocks4\.3\.gamma_2$',
        ),
        (
            without(bare('cls_small_plus'), 'patch_embed3.proj.0.bias'),
            r'missing patch_embed3\.proj\.0\.bias$',
        ),
        (
            without(bare('video_small_split_std'), 'blocks3.4.t_norm.bias'),
            r'missing blocks3\.4\.t_norm\.bias$',
        ),
        (
            without(SMALL, '.mlp.fc1.bias'),
            r'no key matches blocks1',
        ),
        (
            {
                k: v.reshape(-1) if 'pos_embed.weight' in k else v
                for k, v in SMALL.items()
            },
            r'must have 4 axes \(images\) or 5 \(videos\), got 1$',
        ),
        (
            without(whole('pose', DENSE_SMALL), 'backbone.norm2.bias'),
            r'missing norm2\.bias$',
        ),
    ],
)
def test_damage(state: dict[str, Tensor], message: str) -> None:
    with pytest.raises(
        ValueError, match='damaged UniFormer file: .*' + message
    ):
        recognize(state, ARCHS)


def test_long_lists_are_cut() -> None:
    state = without(SMALL, '.bias')
    state |= {key: SMALL[key] for key in SMALL if 'blocks' in key}
    with pytest.raises(ValueError, match=r'missing .* and \d+ more$'):
        recognize(without(state, 'norm1.weight'), ARCHS)


def test_a_huge_block_number_is_no_loop() -> None:
    state = {**SMALL, 'blocks3.999999999999.norm1.bias': torch.zeros(320)}
    with pytest.raises(ValueError, match=r'no blocks3\.8, the blocks'):
        recognize(state, ARCHS)
