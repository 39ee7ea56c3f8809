"""The paper's models at their real size, one of each family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import MODELS, DefaultScope

from tests.support.recipe import CONFIGS
from tests.support.sure_detectors import make_sure
from uniformer_mm.exporting import export
from uniformer_mm.predict import load

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')

FAMILIES = [
    'segmentation/upernet_uniformer-s_160k_ade20k',
    'segmentation/upernet_uniformer-b-h14_160k_ade20k',
    'segmentation/semantic-fpn_uniformer-b_80k_ade20k_test-w32',
    'segmentation/semantic-fpn_uniformer-xxs_80k_ade20k',
    'pose/td-hm_uniformer-b_210e_coco-384x288',
    'pose/rtmpose_uniformer-s_420e_coco-256x192',
    'action/uniformer-s_16x4_110e_k400',
    'action/uniformer-xs_32_110e_k400-192',
    'action/tsn_uniformer-s_8_100e_k400',
    'detection/mask-rcnn_uniformer-s-h14_1x_coco',
    'detection/mask-rcnn_uniformer-xxs_1x_coco',
    'detection/cascade-mask-rcnn_uniformer-b-h14_3x-ms_coco',
    'detection/faster-rcnn_uniformer-s-h14_1x_voc0712',
]


@pytest.mark.slow
@pytest.mark.parametrize('name', FAMILIES)
def test_a_family_exports(name: str, tmp_path: Path) -> None:
    config = Config.fromfile(CONFIGS / f'{name}.py')
    task = name.partition('/')[0]
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        model = MODELS.build(config.model)
    weights = tmp_path / 'weights.pth'
    torch.save({'state_dict': model.state_dict()}, weights)
    if task == 'detection':
        predictor = load(task, config=config, weights=weights, device='cpu')
        noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3))
        picture = noise.astype(np.uint8)
        make_sure(predictor.module, lambda: predictor.predict([picture]))
        torch.save({'state_dict': predictor.module.state_dict()}, weights)
    # A smaller size costs less, and is no less a size.
    size = (160, 192) if task in ('detection', 'segmentation') else None
    # Drawn weights that are made sure of their answers multiply rounding too:
    # a mask that is off by 1e-4 is of a box that is off by 5e-4 px.
    tolerance = 5e-4 if task == 'detection' else None
    report = export(
        config,
        weights,
        out=tmp_path / 'model.onnx',
        size=size,
        tolerance=tolerance,
    )
    assert not report.failures
