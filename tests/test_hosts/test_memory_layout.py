"""Detectors beside kernels that read maps as N C H W, as a compiled mmcv's."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from tests.support.raw_kernels import as_compiled_code_reads, raw_kernels
from uniformer_mm import deploy

mmdet = pytest.importorskip('mmdet')
ops = pytest.importorskip('mmcv.ops')

OURS = Path(__file__).parents[2] / 'configs/detection'
STOCK = Path(mmdet.__file__).parent / '.mim/configs'
DETECTORS = {
    'mask': OURS / 'uniformer_maskrcnn.py',
    'faster': STOCK / 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
}
DIMS = (8, 16, 16, 32)
TINY = {'depths': (1, 1, 1, 1), 'embed_dims': DIMS, 'head_dim': 8}

every_detector = pytest.mark.parametrize('name', list(DETECTORS))
Results = dict[str, Tensor]


def build(name: str, **backbone: Any) -> nn.Module:
    """Return a tiny detector with FPN, the same on every call."""
    from mmdet.registry import MODELS

    model = Config.fromfile(DETECTORS[name]).model
    ours = {'type': 'uniformer_mm.UniFormer', 'arch': TINY, **backbone}
    model.backbone = ours
    model.neck.in_channels = list(DIMS)
    model.train_cfg.rpn_proposal.max_per_img = 20
    model.train_cfg.rcnn.sampler.num = 16
    model.test_cfg.rpn.max_per_img = 20
    # An untrained detector is sure of nothing.
    model.test_cfg.rcnn.update(max_per_img=10, score_thr=0.0)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        detector = MODELS.build(model)
        detector.init_weights()
    # Boxes and masks that depend on the maps more than those of a beginner.
    for parameter in detector.roi_head.parameters():
        parameter.data.mul_(3)
    return detector


def data(model: nn.Module, channels_last: bool) -> dict[str, Any]:
    """Return two images with objects, as ``model`` takes them."""
    from mmdet.testing import demo_mm_inputs

    batch = demo_mm_inputs(2, (3, 96, 128), num_classes=80, with_mask=True)
    prepared = model.data_preprocessor(copy.deepcopy(batch), True)
    layout = torch.contiguous_format
    if channels_last:
        layout = torch.channels_last
    prepared['inputs'] = prepared['inputs'].contiguous(memory_format=layout)
    return prepared


def trained(model: nn.Module, channels_last: bool) -> Results:
    """Return the losses, and the gradients of a training step."""
    model = copy.deepcopy(model).train()
    torch.manual_seed(0)  # regions are sampled
    losses = model(**data(model, channels_last), mode='loss')
    loss, results = model.parse_losses(losses)
    loss.backward()
    for name, parameter in model.named_parameters():
        results[name] = parameter.grad
    return results


@torch.no_grad()
def predicted(model: nn.Module, channels_last: bool) -> Results:
    """Return the boxes, scores, classes and masks of two images."""
    model = copy.deepcopy(model).eval()
    samples = model(**data(model, channels_last), mode='predict')
    results = {}
    for i, sample in enumerate(samples):
        assert len(sample.pred_instances) == 10
        for key, value in sample.pred_instances.items():
            results[f'{key}_{i}'] = value
    return results


def difference(a: Results, b: Results) -> float:
    """Return the largest difference of two tensors, relative to them."""
    assert a.keys() == b.keys()
    worst = 0.0
    for key, value in a.items():
        error = (value.double() - b[key].double()).abs().max()
        size = value.double().abs().max().clamp(min=1e-12)
        worst = max(worst, (error / size).item())
    return worst


def raw_and_normal(run: Any, *args: Any) -> tuple[Results, Results]:
    results = []
    for kernels in (raw_kernels(), contextlib.nullcontext()):
        with kernels:
            results.append(run(*args))
    raw, normal = results
    return raw, normal


def test_the_raw_kernel_misreads_a_channels_last_map() -> None:
    maps = torch.arange(2 * 3 * 5 * 7).mul(1.7).sin().reshape(2, 3, 5, 7)
    rois = torch.tensor([[0, 1.3, 2.1, 9.2, 7.7], [1, 0.0, 0.0, 14.0, 10.0]])

    def align(x: Tensor) -> list[Tensor]:
        x = x.detach().requires_grad_()
        out = ops.roi_align(x, rois, (2, 3), 0.5, 2, 'avg', True)
        return [out.detach(), *torch.autograd.grad(out.square().sum(), x)]

    expected = align(maps)
    nhwc = maps.clone(memory_format=torch.channels_last)
    with raw_kernels():
        for a, b in zip(align(maps), expected, strict=True):
            assert torch.equal(a, b)
        for a, b in zip(align(nhwc), expected, strict=True):
            assert (a - b).abs().max() > 0.1
    assert torch.equal(as_compiled_code_reads(maps), maps)
    assert not torch.equal(as_compiled_code_reads(nhwc), nhwc)


@every_detector
@pytest.mark.parametrize('channels_last', [False, True])
def test_training_is_the_same_with_the_raw_kernel(
    name: str, channels_last: bool
) -> None:
    raw, normal = raw_and_normal(trained, build(name), channels_last)
    assert sum('loss' in key for key in normal) >= 5
    assert all(value.isfinite().all() for value in normal.values())
    assert difference(raw, normal) < 1e-5


@every_detector
@pytest.mark.parametrize('channels_last', [False, True])
@pytest.mark.parametrize('deployed', [False, True])
def test_predictions_are_the_same_with_the_raw_kernel(
    name: str, deployed: bool, channels_last: bool
) -> None:
    model = build(name).eval()
    if deployed:
        deploy(model)
    raw, normal = raw_and_normal(predicted, model, channels_last)
    assert ('masks_0' in normal) == (name == 'mask')
    assert difference(raw, normal) < 1e-5


@every_detector
def test_channels_last_outputs_are_misread(name: str) -> None:
    model = build(name, out_channels_last=True)
    for x in model.eval().backbone(torch.rand(2, 3, 96, 128)):
        assert x.is_contiguous(memory_format=torch.channels_last)
        assert not x.is_contiguous()
    for run in (trained, predicted):
        raw, normal = raw_and_normal(run, model, False)
        assert difference(raw, normal) > 0.1
        # Kernels that heed strides give what they give for the default.
        default = run(build(name), False)
        assert difference(normal, default) < 0.01


def test_the_neck_keeps_the_memory_of_maps_if_its_weights_are_plain() -> None:
    model = build('mask').eval()
    x = torch.rand(2, 3, 96, 128)
    for images in (x, x.contiguous(memory_format=torch.channels_last)):
        assert all(m.is_contiguous() for m in model.extract_feat(images))
    # What no backbone can help: channels-last weights of the neck.
    model.to(memory_format=torch.channels_last)
    assert all(m.is_contiguous() for m in model.backbone(x))
    assert not any(m.is_contiguous() for m in model.extract_feat(x))
