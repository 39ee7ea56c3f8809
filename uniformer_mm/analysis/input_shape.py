"""The input that a config is tested on: its shape and how many views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from uniformer_mm.hosts import HOSTS

__all__ = ['InputShape', 'default_shape']

# OpenMMLab's tables, and the paper's, count a detector whose images fit into
# 1333x800 at the 1280x800 that a picture of 16:10 comes to.
TABLE_SHAPES = {(1333, 800): (800, 1280)}
CROPS = {'CenterCrop': 1, 'ThreeCrop': 3, 'TenCrop': 10}


@dataclass(frozen=True)
class InputShape:
    """What goes through the model for one test sample.

    Attributes:
        shape (tuple[int, ...]): H and W, in pixels; of videos T, in frames,
            before them.
        views (int): How many inputs of that shape make one sample, >= 1:
            clips times crops of a video.
    """

    shape: tuple[int, ...]
    views: int = 1


def default_shape(config: Mapping[str, Any]) -> InputShape:
    """Read from a config what it is tested on.

    Detection: the test scale (with padding to the divisor of the
    preprocessor), 800x1280 for the usual (1333, 800). Segmentation: the test
    scale, 512x2048 on ADE20K. Pose: the input size of the codec. Action: the
    clip length and crop of the test pipeline, and its clips times crops; a
    2D recognizer takes its segments as the frames of one view. Classification:
    the crop of the test pipeline.

    Args:
        config (Mapping): A resolved config of one of the ``HOSTS``.

    Raises:
        ValueError: The config does not say.
    """
    try:
        return _READERS[config['default_scope']](config)
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        host = HOSTS.get(config.get('default_scope', ''), HOSTS['mmdet'])
        raise ValueError(
            'shape must be given (`--shape ' + ' '.join(host.axes) + '`): the '
            f'config does not tell it ({type(error).__name__}: {error})'
        ) from error


def _detection_shape(config: Mapping[str, Any]) -> InputShape:
    width, height = _step(config, 'scale')['scale']
    if (width, height) in TABLE_SHAPES:
        return InputShape(TABLE_SHAPES[width, height])
    divisor = config['model']['data_preprocessor'].get('pad_size_divisor', 1)
    return InputShape((_pad(height, divisor), _pad(width, divisor)))


def _pad(side: int, divisor: int) -> int:
    return -(-side // divisor) * divisor


def _segmentation_shape(config: Mapping[str, Any]) -> InputShape:
    width, height = _step(config, 'scale')['scale']
    return InputShape((height, width))


def _pose_shape(config: Mapping[str, Any]) -> InputShape:
    width, height = config['model']['head']['decoder']['input_size']
    return InputShape((height, width))


def _action_shape(config: Mapping[str, Any]) -> InputShape:
    sampler = _step(config, 'clip_len')
    frames, clips = sampler['clip_len'], sampler.get('num_clips', 1)
    if config['model']['type'].endswith('Recognizer2D'):
        frames, clips = frames * clips, 1
    crop = _step(config, 'crop_size')
    side = crop['crop_size']
    width, height = (side, side) if isinstance(side, int) else side
    crops = CROPS.get(crop['type'].rpartition('.')[2], 1)
    return InputShape((frames, height, width), clips * crops)


def _classification_shape(config: Mapping[str, Any]) -> InputShape:
    side = _step(config, 'crop_size')['crop_size']
    return InputShape((side, side) if isinstance(side, int) else tuple(side))


_READERS = {
    'mmdet': _detection_shape,
    'mmseg': _segmentation_shape,
    'mmpose': _pose_shape,
    'mmaction': _action_shape,
    'mmpretrain': _classification_shape,
}


def _step(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The first step of the test pipeline that has the setting ``key``."""
    dataset = config['test_dataloader']['dataset']
    for step in _steps(dataset):
        if key in step:
            return step
    raise KeyError(f'no {key!r} in the test pipeline')


def _steps(dataset: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    while 'pipeline' not in dataset:  # a wrapped one
        dataset = dataset['dataset']
    yield from dataset['pipeline']
