"""Heads that take `.view` of a map: it wants plain memory."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

DIMS = (8, 16, 16, 32)
TINY = {'depths': (1, 1, 1, 1), 'embed_dims': DIMS, 'head_dim': 8}
IMAGE = {'type': 'uniformer_mm.UniFormer', 'arch': TINY}


def stock(host: str, config: str) -> Any:
    """Return the model of a host's own config."""
    package = pytest.importorskip(host)
    folder = Path(package.__file__).parent / '.mim/configs'
    model = Config.fromfile(folder / config).model
    model.pop('pretrained', None)
    return model


def build(host: str, model: Any) -> nn.Module:
    torch.manual_seed(0)
    registry = importlib.import_module(f'{host}.registry')
    with DefaultScope.overwrite_default_scope(host):
        built = registry.MODELS.build(model)
        built.init_weights()
    return built


def assert_trains(model: nn.Module, data: dict[str, Any]) -> None:
    """One step: a finite loss, finite gradients of the backbone."""
    losses = model.train()(**data, mode='loss')
    loss, _ = model.parse_losses(losses)
    assert loss.isfinite()
    loss.backward()
    # Maps that a head leaves out give the norm of that output none.
    grads = [p.grad for p in model.backbone.parameters() if p.grad is not None]
    assert all(grad.isfinite().all() for grad in grads)
    assert sum(bool(grad.any()) for grad in grads) > 20


@torch.no_grad()
def predictions(model: nn.Module, data: dict[str, Any]) -> list[Any]:
    samples = model.eval()(**data, mode='predict')
    assert len(samples) == len(data['inputs'])
    return list(samples)


def test_centernet_of_mmdet() -> None:
    config = stock(
        'mmdet', 'centernet/centernet_r18_8xb16-crop512-140e_coco.py'
    )
    config.backbone = IMAGE
    config.neck.in_channels = DIMS[-1]
    from mmdet.testing import demo_mm_inputs

    model = build('mmdet', config)
    batch = demo_mm_inputs(2, (3, 64, 96), num_classes=80)
    data = model.data_preprocessor(batch, True)
    assert_trains(model, data)
    for sample in predictions(model, data):
        boxes = sample.pred_instances
        assert len(boxes) == model.test_cfg.max_per_img
        assert boxes.bboxes.shape == (len(boxes), 4)
        assert boxes.bboxes.isfinite().all()
        assert ((boxes.scores >= 0) & (boxes.scores <= 1)).all()


def segmentation_data(model: nn.Module, n: int) -> dict[str, Any]:
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    samples = []
    for _ in range(n):
        truth = PixelData(data=torch.randint(0, 150, (1, 64, 96)))
        info = {'img_shape': (64, 96), 'ori_shape': (64, 96)}
        samples.append(SegDataSample(gt_sem_seg=truth, metainfo=info))
    images = [torch.randint(0, 255, (3, 64, 96)).byte() for _ in range(n)]
    batch = {'inputs': images, 'data_samples': samples}
    return model.data_preprocessor(batch, True)


def assert_segments(config: Any, n: int) -> None:
    config.data_preprocessor.size = (64, 96)
    model = build('mmseg', config)
    data = segmentation_data(model, n)
    assert_trains(model, data)
    for sample in predictions(model, data):
        assert sample.seg_logits.data.shape == (150, 64, 96)
        assert sample.seg_logits.data.isfinite().all()
        assert sample.pred_sem_seg.data.shape == (1, 64, 96)


@pytest.mark.parametrize('n', [1, 2])
def test_dmnet_of_mmseg(n: int) -> None:
    config = stock('mmseg', 'dmnet/dmnet_r50-d8_4xb4-80k_ade20k-512x512.py')
    config.backbone = IMAGE
    config.decode_head.in_channels = DIMS[3]
    config.auxiliary_head.in_channels = DIMS[2]
    assert_segments(config, n)


def test_a_head_of_ones_own_without_a_neck() -> None:
    config = stock('mmseg', 'fcn/fcn_r50-d8_4xb4-80k_ade20k-512x512.py')
    from mmseg.models.decode_heads.decode_head import BaseDecodeHead
    from mmseg.registry import MODELS

    class ContextHead(BaseDecodeHead):
        """Classifies each pixel, with an eye on the whole picture."""

        def __init__(self, num_pixels: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            size = self.in_channels * num_pixels
            self.context = nn.Linear(size, self.num_classes)

        def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
            x = self._transform_inputs(inputs)
            context = self.context(x.view(len(x), -1))
            return self.cls_seg(x) + context[..., None, None]

    MODELS.register_module(module=ContextHead, force=True)
    config.backbone = IMAGE
    config.auxiliary_head = None
    config.decode_head = {
        'type': 'ContextHead',
        'num_pixels': 2 * 3,  # of stage 4
        'in_channels': DIMS[3],
        'in_index': 3,
        'channels': DIMS[3],
        'num_classes': 150,
    }
    assert_segments(config, 2)


def test_i3d_head_of_mmaction_that_does_not_pool() -> None:
    name = 'i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb.py'
    config = stock('mmaction', f'recognition/i3d/{name}')
    pytest.importorskip('mmaction.models')
    from mmaction.structures import ActionDataSample

    config.backbone = {
        **IMAGE,
        'ndim': 3,
        'out_indices': (3,),
        'as_tuple': False,
    }
    # 4 frames of 64 px are 2 x 2 x 2 here.
    config.cls_head.update(spatial_type=None, in_channels=DIMS[-1] * 8)
    model = build('mmaction', config)
    samples = [ActionDataSample().set_gt_label(i) for i in range(2)]
    clips = [torch.randint(0, 255, (1, 3, 4, 64, 64)).byte() for _ in samples]
    batch = {'inputs': clips, 'data_samples': samples}
    data = model.data_preprocessor(batch, True)
    assert_trains(model, data)
    for sample in predictions(model, data):
        assert sample.pred_score.shape == (400,)
        assert sample.pred_score.sum().item() == pytest.approx(1, abs=1e-5)
