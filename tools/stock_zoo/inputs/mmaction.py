"""Small inputs for mmaction: clips, stacks of frames, joints, and sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmaction.structures import ActionDataSample
from mmengine import Config
from mmengine.structures import InstanceData

from tools.stock_zoo.inputs import Batches, NoInputError, dicts, short

SIDE, LARGE = 128, 224  # px
C3D_SIDE, HEATMAP_SIDE = 112, 56  # px
FRAMES = 8
SEGMENTS = 8
JOINTS = {'coco': 17, 'nturgb+d': 25, 'openpose': 18}
# They load weights of pictures, whether a file is named or not.
INFLATED = ('ResNetTIN', 'ResNetTSM', 'SwinTransformer3D')
NO_INPUT = {
    'BMN': 'its input is features, not pixels',
    'PEM': 'its input is features, not pixels',
    'TEM': 'its input is features, not pixels',
    'TCANet': 'its input is features, not pixels',
    'DRN': 'its input is features and sentences',
    'CLIPSimilarity': 'its input is clips and sentences',
    'RecognizerOmni': 'its input is pictures and clips',
    'VindLURetrievalMC': 'its input is clips and sentences',
}


def make(config: Config, _: Path) -> Batches:
    """Make inputs for the config."""
    model = config.model
    kind = short(model.type)
    if kind in NO_INPUT:
        raise NoInputError(NO_INPUT[kind])
    if short(model.backbone.type) == 'MViT':  # takes all memory at 224 px
        model.backbone.update(spatial_size=SIDE, temporal_size=FRAMES)
    if short(model.backbone.type) in INFLATED:
        model.backbone.pretrained2d = False
    if kind == 'FastRCNN':
        return Batches(_people(config, 2), _people(config, 1))
    shape = _shape(config)
    classes = _classes(model)
    # Transformers on large clips, which need no second one for batch norm.
    batch = 1 if shape[-1] == LARGE else 2
    return Batches(_clips(shape, classes, batch), _clips(shape, classes, 1))


def _classes(model: Any) -> int:
    found = [part.get('num_classes') for part in dicts(model)]
    return next(number for number in found if number)


def _shape(config: Config) -> tuple[int, ...]:
    """Axes of one sample, without the batch."""
    model = config.model
    kind, backbone = short(model.type), model.backbone
    if kind == 'RecognizerGCN':
        joints = JOINTS[backbone.graph_cfg.layout]
        return (1, 2, 16, joints, backbone.get('in_channels', 3))
    if kind == 'RecognizerAudio':
        return (1, backbone.get('in_channels', 1), 64, 80)
    channels = backbone.get('in_channels', 3)
    if short(backbone.type) == 'MViT':
        return (1, channels, FRAMES, SIDE, SIDE)
    side = _side(backbone)
    if kind == 'Recognizer2D':
        head = model.get('cls_head') or {}
        segments = backbone.get('num_segments') or head.get('num_segments')
        return (segments or SEGMENTS, channels, side, side)
    return (1, channels, _frames(config), side, side)


def _side(backbone: Any) -> int:
    """Pixels of a side, where the backbone wants its own."""
    transformers = ('TimeSformer', 'VisionTransformer', 'UniFormerV2')
    if short(backbone.type) in transformers or 'timm.' in backbone.type:
        return LARGE
    if short(backbone.type) == 'C3D':  # its linear layers are for this size
        return C3D_SIDE
    if backbone.get('in_channels', 3) > 3:  # stacks of many heatmaps
        return HEATMAP_SIDE
    return SIDE


def _frames(config: Config) -> int:
    """Frames of a clip, as the pipeline samples them."""
    names = ('train_pipeline', 'test_pipeline')
    steps = [step for name in names for step in config.get(name) or ()]
    lengths = [step.get('clip_len') for step in steps]
    return next((n for n in lengths if isinstance(n, int)), FRAMES)


def _clips(shape: tuple[int, ...], classes: int, batch: int) -> Any:
    pixels = len(shape) > 3 and shape[-1] == shape[-2]
    inputs, samples = [], []
    for i in range(batch):
        clip = torch.rand(shape)
        inputs.append((255 * clip).byte() if pixels else clip)
        sample = ActionDataSample().set_gt_label(i % classes)
        sample.set_metainfo({'img_shape': shape[-2:]})
        samples.append(sample)
    return {'inputs': inputs, 'data_samples': samples}


def _people(config: Config, batch: int) -> Any:
    """Clips with boxes of people, and what each does."""
    classes = config.model.roi_head.bbox_head.num_classes
    shape = (3, _frames(config), SIDE, SIDE)
    boxes = torch.tensor([[8.0, 8, 60, 100], [50, 10, 100, 90]])
    inputs, samples = [], []
    for _ in range(batch):
        inputs.append(torch.randint(256, shape).byte())
        sample = ActionDataSample(
            metainfo={'img_shape': shape[-2:], 'img_key': 'video,0001'}
        )
        does = torch.zeros(len(boxes), classes)
        does[:, 1] = 1
        sample.gt_instances = InstanceData(bboxes=boxes.clone(), labels=does)
        # From 0 to 1 in files, in pixels after the pipeline.
        sample.proposals = InstanceData(bboxes=boxes.clone())
        samples.append(sample)
    return {'inputs': inputs, 'data_samples': samples}
