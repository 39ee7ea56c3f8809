"""Official names into ours and into those of today's hosts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.golden import GoldenCase
from tests.support.host_weights import (
    HOSTS,
    OURS_FOR_VIDEO,
    WIDTHS,
    host_model,
    recognizer,
)
from tests.support.models import LIGHT, TINY
from tests.support.official_weights import (
    CASES,
    DENSE,
    HEADS,
    KINDS,
    as_recognizer,
    bare,
    filled,
    whole,
)
from uniformer_mm import (
    ARCHS,
    UniFormer,
    UniFormerClassifier,
    UniFormerLight,
)
from uniformer_mm.weights.convert import TASKS, convert
from uniformer_mm.weights.report import Report
from uniformer_mm.weights.rules import RULES

every_host = pytest.mark.parametrize('model', HOSTS)


def official(model: nn.Module) -> dict[str, Tensor]:
    """The weights of a classifier of ours under the official names."""
    return {
        key.removeprefix('backbone.'): value
        for key, value in model.state_dict().items()
    }


def dropped(report: Report) -> dict[str, set[str]]:
    """Rule -> the modules it left out."""
    rules: dict[str, set[str]] = {}
    for key, rule in report.dropped.items():
        rules.setdefault(rule, set()).add(key.rpartition('.')[0])
    return rules


def check_account(
    state: dict[str, Tensor], result: dict[str, Tensor], report: Report
) -> None:
    """Each key is told of once, and the values are where it says."""
    names = {**{k: k for k in report.kept}, **report.renamed}
    told = [*report.kept, *report.renamed, *report.dropped]
    assert sorted(told) == sorted(state)
    assert set(result) == set(names.values()) | set(report.changed)
    assert all(result[new] is state[old] for old, new in names.items())


def backbone_keys(arch: str, ndim: int = 2, **settings: Any) -> dict:
    cls = UniFormerLight if ARCHS[arch].light else UniFormer
    with torch.device('meta'):
        state = cls(arch, ndim=ndim, **settings).state_dict()
    return {key: tuple(value.shape) for key, value in state.items()}


def arch_of(name: str) -> str:
    return GoldenCase(name).spec['meta']['arch'].removeprefix('light_')


def shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in state.items()}


@pytest.mark.parametrize('name', CASES)
def test_backbone_of_every_golden_case(name: str) -> None:
    spec = GoldenCase(name).spec
    state = bare(name)
    result, report = convert(state, 'backbone')
    check_account(state, result, report)
    video = spec['kind'] == 'video'
    split = spec['meta'].get('split', False)
    expected = backbone_keys(
        arch_of(name),
        ndim=3 if video else 2,
        out_norm='LN' if name in DENSE else None,
        **({'split': True, 'temporal_stride_std': True} if split else {}),
    )
    assert shapes(result) == expected
    assert not report.renamed
    assert not report.changed
    heads = {'norm', 'head', 'aux_head', 'norm_cls', 'head_cls'}
    given = {key.rpartition('.')[0] for key in state} & heads
    assert dropped(report) == ({'classifier': given} if given else {})


@pytest.mark.parametrize('model', KINDS)
@pytest.mark.parametrize('name', ['dense_small_global', 'dense_light_xxs'])
def test_backbone_of_whole_models(name: str, model: str) -> None:
    state = whole(model, bare(name))
    result, report = convert(state, 'backbone')
    check_account(state, result, report)
    assert shapes(result) == backbone_keys(arch_of(name))
    assert set(report.dropped) == set(HEADS[model])
    assert set(report.dropped.values()) == {'not the backbone'}


def test_backbone_of_a_recognizer() -> None:
    state = as_recognizer(bare('video_small'))
    result, report = convert(state, 'backbone')
    check_account(state, result, report)
    assert shapes(result) == backbone_keys('small', ndim=3, out_norm=None)
    assert dropped(report) == {
        'classifier': {'backbone.norm'},
        'not the backbone': {'cls_head.fc_cls'},
    }


@every_host
def test_whole_models_load_into_the_hosts(model: str) -> None:
    task = HOSTS[model][0]
    host = host_model(model)
    target = host.state_dict()
    renamed = {
        key: key.replace('keypoint_head.', 'head.') for key in HEADS[model]
    }
    state = {
        f'backbone.{key}': value
        for key, value in UniFormer(TINY).state_dict().items()
    } | {old: torch.zeros_like(target[new]) for old, new in renamed.items()}
    result, report = convert(state, task)
    check_account(state, result, report)
    assert set(result) == set(target)
    host.load_state_dict(result, strict=True)
    unused = {f'backbone.norm{i}' for i in (1, 2, 3)}
    if model == 'pose':
        assert dropped(report) == {'output norm not used': unused}
        assert {*report.renamed} == {*HEADS[model]}
    else:
        assert report.kept == tuple(state)
    again, second = convert(result, task)
    assert second == Report(kept=tuple(result))
    assert list(again) == list(result)


@pytest.mark.parametrize('backbone', ['ours', 'mmaction2'])
def test_video_classifiers_load_into_recognizers(backbone: str) -> None:
    with torch.device('meta'):
        source = UniFormerClassifier(TINY, ndim=3, num_classes=7)
    state = {
        k: torch.zeros_like(v, device='cpu')
        for k, v in official(source).items()
    }
    theirs = {
        'type': 'UniFormer',
        'depth': TINY['depths'],
        'embed_dim': WIDTHS,
        'head_dim': TINY['head_dim'],
    }
    host = recognizer(OURS_FOR_VIDEO if backbone == 'ours' else theirs)
    result, report = convert(state, 'action')
    check_account(state, result, report)
    assert not report.dropped
    host.load_state_dict(result, strict=True)
    rehosted, report = convert(host.state_dict(), 'action')
    assert report == Report(kept=tuple(rehosted))


def test_light_video_classifiers_keep_the_class_token_head() -> None:
    arch = dict(LIGHT, light=True)
    source = UniFormerClassifier(arch, ndim=3, num_classes=7)
    state = official(source)
    result, report = convert(state, 'action')
    check_account(state, result, report)
    assert not report.dropped
    light = {
        **OURS_FOR_VIDEO,
        'type': 'uniformer_mm.UniFormerLight',
        'arch': arch,
        'as_tuple': False,
        'out_cls_token': True,
    }
    neck = {
        'type': 'uniformer_mm.ClassTokenNeck',
        'in_channels': arch['embed_dims'][-1],
        'num_classes': 7,
    }
    host = recognizer(light, neck)
    host.load_state_dict(result, strict=True)
    assert torch.equal(host.neck.head_cls.weight, source.head_cls.weight)
    again, report = convert(host.state_dict(), 'action')
    assert report == Report(kept=tuple(again))
    # A backbone has no head, and the norm of the token on request alone.
    bare_backbone, report = convert(host.state_dict(), 'backbone')
    assert shapes(bare_backbone) == {
        key: value
        for key, value in shapes(host.backbone.state_dict()).items()
        if not key.startswith(('norm.', 'norm_cls.'))
    }


def test_images_become_recognizers_to_be_inflated() -> None:
    state = bare('cls_large_tl')
    result, report = convert(state, 'action')
    check_account(state, result, report)
    assert dropped(report) == {'token-labelling head': {'aux_head'}}
    assert 'backbone.norm.running_var' in result


def test_a_detector_computes_what_the_official_one_does() -> None:
    case = GoldenCase('dense_light_xxs')
    state, _ = convert(whole('mask_rcnn', filled(case.name)), 'backbone')
    model = UniFormerLight('xxs').eval()
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        outs = model(case.input())
    errors = [case.relative_error(f'eval{i}', y) for i, y in enumerate(outs)]
    assert max(errors) < 1e-4


def test_a_video_model_computes_what_the_official_one_does() -> None:
    case = GoldenCase('video_small')
    state, _ = convert(filled(case.name), 'action')
    model = nn.Module()
    model.backbone = UniFormer(
        'small', ndim=3, out_indices=(3,), out_norm='BN'
    )
    model.cls_head = nn.Module()
    model.cls_head.fc_cls = nn.Linear(512, 400)
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        (out,) = model.backbone.eval()(case.input())
        # (N, C, T, H, W) -> (N, C) -> (N, classes)
        logits = model.cls_head.fc_cls(out.flatten(2).mean(2))
    assert case.relative_error('eval0', logits) < 1e-4


def test_missing_counters_become_zeros_as_torch_makes_them() -> None:
    model = UniFormerClassifier(TINY, num_classes=7)
    full = official(model)
    counters = {k for k in full if k.endswith('num_batches_tracked')}
    state = {key: full[key] for key in full if key not in counters}
    result, report = convert(state, 'action')
    check_account(state, result, report)
    assert report.changed == dict.fromkeys(
        (f'backbone.{key}' for key in counters), 'batch counter set to 0'
    )
    assert all(result[k].dtype == torch.int64 for k in report.changed)
    # torch itself, given a plain dict without counters, sets none of them.
    model.backbone.load_state_dict(
        {
            k.removeprefix('backbone.'): v
            for k, v in result.items()
            if 'fc_cls' not in k and k not in report.changed
        },
        strict=True,
    )
    assert all(
        torch.equal(value, result[f'backbone.{key}'])
        for key, value in model.backbone.state_dict().items()
    )


def test_constants_of_a_model_are_dropped() -> None:
    state = whole('pose', bare('dense_small_global'))
    state['data_preprocessor.mean'] = torch.zeros(3, 1, 1)
    for task in ('backbone', 'pose'):
        _, report = convert(state, task)
        assert (
            report.dropped['data_preprocessor.mean']
            == 'normalisation constants'
        )


def test_the_input_stays_as_it_is() -> None:
    state = whole('pose', bare('dense_small_global'))
    before = dict(state)
    for task in ('backbone', 'pose'):
        convert(state, task)
    assert list(state) == list(before)
    assert all(state[key] is before[key] for key in before)


def test_every_task_has_rules_of_different_names() -> None:
    assert TASKS == (
        'backbone',
        'detection',
        'segmentation',
        'pose',
        'action',
        'classification',
    )
    for rules in RULES.values():
        assert max(Counter(rule.name for rule in rules).values()) == 1


DENSE_SMALL = bare('dense_small_global')
POSE_FILE = whole('pose', DENSE_SMALL)
EXTRA = torch.zeros(1)


@pytest.mark.parametrize(
    ('state', 'task', 'message'),
    [
        (DENSE_SMALL, 'tracking', r"unknown task 'tracking'; cho"),
        ({}, 'backbone', r'not a UniFormer file: it has no patch_embed1'),
        (
            DENSE_SMALL,
            'detection',
            r"task 'detection' takes detector weights, got backbone weights",
        ),
        (POSE_FILE, 'segmentation', r'takes segmentor weights, got pose'),
        (bare('cls_small'), 'pose', r'takes pose weights, got classifier'),
        (
            DENSE_SMALL,
            'action',
            r'takes classifier or recognizer weights, got backbone weights',
        ),
        (
            {**POSE_FILE, 'keypoint_head.final_layer.0.weight': EXTRA},
            'pose',
            r'no rule for keypoint_head\.final_layer\.0\.weight; the rules '
            r'are output norm not used, backbone, keypoint head, norm',
        ),
        (
            {
                **as_recognizer(bare('video_small')),
                'cls_head.fc.weight': EXTRA,
            },
            'action',
            r'no rule for cls_head\.fc\.weight; the rules are stages',
        ),
        (
            {**POSE_FILE, 'neck.conv.weight': EXTRA},
            'pose',
            r'no rule for neck\.conv\.weight',
        ),
        (
            {**POSE_FILE, 'head.final_layer.bias': EXTRA},
            'pose',
            r'both keypoint_head\.final_layer\.bias and '
            r'head\.final_layer\.bias would become head\.final_layer\.bias',
        ),
        (
            {**DENSE_SMALL, 'fc.weight': EXTRA},
            'backbone',
            r'damaged UniFormer file: unknown fc\.weight',
        ),
    ],
)
def test_refusals(state: dict[str, Tensor], task: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convert(state, task)
