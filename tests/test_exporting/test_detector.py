"""Detectors as tensors alone give what mmdet's own heads give."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.registry import MODELS, DefaultScope

from tests.support.models import LIGHT, TINY
from tests.support.recipe import CONFIGS
from tests.support.sure_detectors import make_sure
from uniformer_mm.exporting.detector import DetectorNetwork
from uniformer_mm.exporting.graph import program_of

pytest.importorskip('mmdet')


def detector(name: str, **changes: Any) -> Any:
    """A detector of a config, narrow, with few regions."""
    config = Config.fromfile(CONFIGS / 'detection' / f'{name}.py')
    model = config.model
    light = model.backbone.type.endswith('Light')
    arch = {**(LIGHT if light else TINY), 'depths': (1, 1, 2, 1)}
    model.backbone.update(arch=arch, init_cfg=None, with_cp=False)
    if model.neck.type == 'FPN':
        model.neck.in_channels = list(arch['embed_dims'])
    if 'rpn' in model.test_cfg:
        model.test_cfg.rpn.update(nms_pre=100, max_per_img=40)
        model.test_cfg.rcnn.update(max_per_img=20)
    config.merge_from_dict({f'model.{k}': v for k, v in changes.items()})
    model = config.model
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(0)
        return MODELS.build(model).eval()


@pytest.mark.parametrize(
    ('name', 'changes'),
    [
        ('mask-rcnn_uniformer-s-h14_1x_coco', {}),
        ('mask-rcnn_uniformer-xxs_1x_coco', {}),
        ('cascade-mask-rcnn_uniformer-s-h14_3x-ms_coco', {}),
        ('faster-rcnn_uniformer-s-h14_1x_voc0712', {}),
        (
            'mask-rcnn_uniformer-s-h14_1x_coco',
            {
                'roi_head.bbox_head.reg_class_agnostic': True,
                'roi_head.mask_head.class_agnostic': True,
                'test_cfg.rcnn.nms.class_agnostic': True,
            },
        ),
    ],
)
def test_gives_what_mmdet_gives(name: str, changes: dict[str, Any]) -> None:
    model = detector(name, **changes)
    network = DetectorNetwork(copy.deepcopy(model)).eval()
    x = torch.randn(1, 3, 128, 160)
    make_sure(model, lambda: DetectorNetwork.reference(model, x))
    network.load_state_dict(
        {f'model.{k}': v for k, v in model.state_dict().items()}
    )
    for shape in ((1, 128, 160), (2, 97, 203)):
        x = torch.randn(shape[0], 3, *shape[1:])
        with torch.no_grad():
            got = network(x)
            expected = DetectorNetwork.reference(model, x)
        assert (expected[2] >= 0).any(1).all()
        for output, value in zip(got, expected, strict=True):
            torch.testing.assert_close(output, value, rtol=1e-4, atol=1e-3)


def test_one_graph_is_for_all_sizes() -> None:
    """Windows of padded maps too, whose sides torch has to find equal."""
    model = detector('faster-rcnn_uniformer-s-h14_1x_voc0712')
    make_sure(
        model,
        lambda: DetectorNetwork.reference(model, torch.randn(1, 3, 64, 96)),
    )
    network = DetectorNetwork(model).eval()
    example = torch.randn(2, 3, 128, 160)
    run = program_of(network, example, dynamic=True).module()
    for shape in ((1, 3, 97, 203), (3, 3, 241, 64)):
        x = torch.randn(shape)
        with torch.no_grad():
            expected = network(x)
        assert (expected[2] >= 0).any(1).all()
        for output, value in zip(run(x), expected, strict=True):
            torch.testing.assert_close(output, value, rtol=1e-4, atol=1e-3)


def test_gives_nothing_where_nothing_is_found() -> None:
    changes = {'test_cfg.rcnn.score_thr': 1.0}
    model = detector('mask-rcnn_uniformer-s-h14_1x_coco', **changes)
    with torch.no_grad():
        boxes, scores, labels, masks = DetectorNetwork(model)(
            torch.randn(1, 3, 64, 64)
        )
    assert not boxes.any()
    assert not scores.any()
    assert (labels == -1).all()
    assert masks.shape == (1, 20, 28, 28)


@pytest.mark.parametrize(
    ('name', 'changes', 'part'),
    [
        ('fcos_uniformer-s-h14_1x_coco', {}, 'FCOS'),
        (
            'mask-rcnn_uniformer-s-h14_1x_coco',
            {'test_cfg.rcnn.nms.type': 'soft_nms'},
            'soft_nms',
        ),
        (
            'mask-rcnn_uniformer-s-h14_1x_coco',
            {'test_cfg.rpn.nms.max_num': 100},
            'max_num',
        ),
        (
            'mask-rcnn_uniformer-s-h14_1x_coco',
            {'roi_head.bbox_roi_extractor.type': 'GenericRoIExtractor'},
            'GenericRoIExtractor',
        ),
    ],
)
def test_refuses_others_by_name(
    name: str, changes: dict[str, Any], part: str
) -> None:
    model = detector(name, **changes)
    with pytest.raises(ValueError, match=f'{part}.*backbone alone'):
        DetectorNetwork(model)
