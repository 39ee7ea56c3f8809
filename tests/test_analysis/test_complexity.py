"""Counted parameters and multiply-adds, against formulas and tables."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config
from torch import nn

from uniformer_mm import UniFormer, UniFormerLight
from uniformer_mm.analysis import Part, count_complexity
from uniformer_mm.analysis.meter import Meter

CONFIGS = Path(__file__).parents[2] / 'configs'
DETECTION = CONFIGS / 'detection'


def meter_of(backbone: nn.Module) -> Meter:
    model = nn.Module()
    model.backbone = backbone
    return Meter(model.eval().requires_grad_(False))


def count_backbone(device: str, *shape: int, **settings: Any) -> int:
    kind = UniFormerLight if settings['arch'] == 'xxs' else UniFormer
    with torch.device(device):
        meter = meter_of(kind(**settings))
        meter.run('backbone', torch.zeros(1, 3, *shape))
    (part,) = meter.parts
    return part.macs


def by_formula(sides: tuple[int, int], window: int | None) -> int:
    """Multiply-adds of UniFormer-S on an image, window as said in stage 3."""
    depths, dims = (3, 4, 8, 3), (64, 128, 320, 512)
    total, last = 0, 3
    for i, (depth, dim) in enumerate(zip(depths, dims, strict=True)):
        kernel = 4 if i == 0 else 2
        h, w = (side // (4, 8, 16, 32)[i] for side in sides)
        length = h * w
        total += length * last * kernel**2 * dim
        last = dim
        mlp = 2 * 4 * dim**2
        if i < 2:  # position, 1x1, 5x5, 1x1, MLP
            block = length * (9 * dim + dim**2 + 25 * dim + dim**2 + mlp)
        else:
            padded, row = length, length
            if window and i == 2:
                row = window**2
                padded = math.ceil(h / window) * math.ceil(w / window) * row
            # Padding is projected to keys and values, but not back.
            block = length * (9 * dim + dim**2 + mlp)
            block += padded * (3 * dim**2 + 2 * row * dim)
        total += depth * block
    return total


@pytest.mark.parametrize('window', [None, 7])
def test_a_formula(window: int | None) -> None:
    sides = (96, 160)
    attention = 'window' if window else 'global'
    counted = count_backbone(
        'meta', *sides, arch='small', attention=attention, window_size=7
    )
    assert counted == by_formula(sides, window)


@pytest.mark.parametrize(
    ('shape', 'settings'),
    [
        ((64, 96), {'arch': 'small'}),
        (
            (64, 96),
            {'arch': 'small', 'attention': 'hybrid', 'window_size': 3},
        ),
        ((64, 96), {'arch': 'xxs'}),
        ((4, 32, 64), {'arch': 'small', 'ndim': 3}),
        ((4, 32, 64), {'arch': 'xxs', 'ndim': 3}),
    ],
)
def test_it_counts_without_numbers_what_it_counts_with(
    shape: tuple[int, ...], settings: dict[str, Any]
) -> None:
    without = count_backbone('meta', *shape, **settings)
    assert without == count_backbone('cpu', *shape, **settings)


def test_shared_parameters_are_counted_once() -> None:
    model = nn.Module()
    model.a, model.b = nn.Linear(2, 3), nn.Linear(2, 3)
    model.b.weight = model.a.weight
    model.c = nn.Linear(4, 5)
    meter = Meter(model.requires_grad_(False))
    for name in ('a', 'b'):
        meter.run(name, torch.zeros(7, 2))
    meter.note_the_rest()
    assert meter.parts == [
        Part('a', 9, 7 * 2 * 3),
        Part('b', 3, 7 * 2 * 3),
        Part('c', 25, 0),
    ]


# OpenMMLab's own tables, and for Swin its paper's (arXiv 2103.14030).
TABLES = {
    'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py': (44.4, 260.1),
    'mmdet::swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco.py': (47.8, 267),
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_res50_8xb64-210e_coco-256x192.py': (34.0, 5.46),
    'mmaction::recognition/uniformer/'
    'uniformer-small_imagenet1k-pre_16x4x1_kinetics400-rgb.py': (21.4, 167),
}


def inherit(tmp_path: Path, base: str) -> Path:
    pytest.importorskip(base.partition('::')[0])
    path = tmp_path / 'config.py'
    path.write_text(f'_base_ = {base!r}\n')
    return path


@pytest.mark.parametrize('base', TABLES, ids=lambda b: Path(b).stem)
def test_the_tables_of_others(tmp_path: Path, base: str) -> None:
    counted = count_complexity(inherit(tmp_path, base))
    params_m, gmacs = TABLES[base]
    assert counted.params / 1e6 == pytest.approx(params_m, rel=0.005)
    # Other counters add norms and activations, a few per mille.
    assert counted.macs / 1e9 == pytest.approx(gmacs, rel=0.01)


def test_the_parts_of_a_cascade() -> None:
    pytest.importorskip('mmdet')
    path = DETECTION / 'cascade-mask-rcnn_uniformer-s-h14_3x-ms_coco.py'
    counted = count_complexity(path)
    assert (counted.shape, counted.views) == ((800, 1280), 1)
    heads = [f'roi_head.{k}_head.{i}' for k in ('bbox', 'mask') for i in '012']
    names = ['backbone', 'neck', 'rpn_head', *heads]
    assert [part.name for part in counted.parts] == names
    macs = {part.name: part.macs for part in counted.parts}
    # Mask head: 4 3x3 convolutions at 14x14, one doubling, classes at 28x28.
    mask = 100 * 256 * (4 * 9 * 256 * 14**2 + 256 * 28**2 + 80 * 28**2)
    assert macs['roi_head.mask_head.2'] == mask
    # Box head: 4 shared 3x3 convolutions at 7x7, one layer, two outputs.
    box = 4 * 49 * 9 * 256**2 + 49 * 256 * 1024 + 1024 * (81 + 80 * 4)
    assert macs['roi_head.bbox_head.0'] == 1000 * box


def test_a_shape_of_ones_own() -> None:
    pytest.importorskip('mmdet')
    path = DETECTION / 'mask-rcnn_uniformer-s-h14_1x_coco.py'
    small = count_complexity(path, (224, 448))
    assert small.shape == (224, 448)
    macs = {part.name: part.macs for part in small.parts}
    settings = Config.fromfile(path).model.backbone
    settings.pop('type')
    assert macs['backbone'] == count_backbone('meta', 224, 448, **settings)


def test_views_and_segments(tmp_path: Path) -> None:
    pytest.importorskip('mmaction')
    video = count_complexity(
        inherit(
            tmp_path,
            'mmaction::recognition/uniformer/'
            'uniformer-small_imagenet1k-pre_16x4x1_kinetics400-rgb.py',
        )
    )
    assert (video.shape, video.views) == ((16, 224, 224), 4)
    assert video.macs == 4 * sum(part.macs for part in video.parts)
    tsn = count_complexity(
        inherit(
            tmp_path,
            'mmaction::recognition/tsn/tsn_imagenet-pretrained-r50_8xb32-'
            '1x1x8-100e_kinetics400-rgb.py',
        ),
        (8, 224, 224),
    )
    # ResNet-50 at 224 px: 4.1 G, here for eight images.
    assert tsn.parts[0].macs / 8e9 == pytest.approx(4.09, abs=0.02)
    assert tsn.views == 10


def test_a_single_stage_detector(tmp_path: Path) -> None:
    base = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'
    counted = count_complexity(inherit(tmp_path, base))
    names = ['backbone', 'neck', 'bbox_head']
    assert [part.name for part in counted.parts] == names
    # mmdet's table: 37.97 M and 250 G, at the same size.
    assert counted.params / 1e6 == pytest.approx(37.97, abs=0.01)


@pytest.mark.parametrize(
    ('base', 'message'),
    [
        (
            'mmdet::detr/detr_r50_8xb2-150e_coco.py',
            r"kinds \['SingleStageDetector', 'TwoStageDetector'\], got DETR",
        ),
        (
            'mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py',
            r"kinds \['SingleStageDetector', .*, got Mask2Former",
        ),
        (
            'mmseg::mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py',
            r"decode_head .* kinds \['BaseDecodeHead'\], got Mask2FormerHead",
        ),
        (
            'mmseg::point_rend/pointrend_r50_4xb2-80k_cityscapes-512x1024.py',
            r"kinds \['EncoderDecoder'\], got CascadeEncoderDecoder",
        ),
    ],
)
def test_models_without_a_rule(
    tmp_path: Path, base: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        count_complexity(inherit(tmp_path, base))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"one of \['mmdet', .* got None"):
        count_complexity(Config({'model': {}}))
    pytest.importorskip('mmdet')
    config = Config.fromfile(
        DETECTION / 'mask-rcnn_uniformer-s-h14_1x_coco.py'
    )
    before = copy.deepcopy(config.to_dict())
    for shape in ((3, 64, 64), (0, 64)):
        with pytest.raises(ValueError, match='2 positive numbers, H W, got'):
            count_complexity(config, shape)
    with pytest.raises(ValueError, match='at least 32 x 32 px'):
        count_complexity(config, (16, 64))
    count_complexity(config, (64, 64))
    assert config.to_dict() == before
