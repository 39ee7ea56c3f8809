"""What of a config, beside the model's parts, belongs to its backbone."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import torch
from mmengine import Config

from uniformer_mm.hosts import advice
from uniformer_mm.models.specs import ARCHS
from uniformer_mm.swap.stock import Stock
from uniformer_mm.weights.zoo import PIXEL_STATISTICS, ZOO

__all__ = ['allow_unused', 'empty_input', 'fit', 'weights_of']

SIDE = {
    'mmdet': 256,
    'mmseg': 256,
    'mmpose': 256,
    'mmaction': 224,
    'mmpretrain': 224,
}
# What says that pixels are turned into R G B, and whether they are without it.
RGB = {'mmaction': ('bgr_to_rgb', True), 'mmpretrain': ('to_rgb', False)}
FRAMES = 8
# Constructor of an optimizer -> whether it decays rates by the layers of a
# backbone that it knows; if not, it knows some kinds of layers alone.
CONSTRUCTORS = {
    'LayerDecayOptimWrapperConstructor': True,
    'LayerDecayOptimizerConstructor': True,
    'LearningRateDecayOptimizerConstructor': True,
    'SwinOptimWrapperConstructor': False,
    'TSMOptimWrapperConstructor': False,
}


def weights_of(arch: Any) -> str:
    """Name of the ImageNet weights of an arch; '' if there are none.

    The plain ones before those trained with token labels, those of the
    largest images last.
    """
    names = [
        entry.name
        for entry in ZOO.values()
        if entry.task == 'backbone'
        and entry.arch == arch
        and entry.head_dim == ARCHS[arch].head_dim
    ]
    plain = [name for name in names if name.endswith('_in1k')]
    labelled = [name for name in names if name.endswith('_tl-224')]
    return [*labelled[:1], *plain][-1] if names else ''


def empty_input(stock: Stock, backbone: Any) -> torch.Tensor:
    """A meta tensor of the shape that the model's backbone gets."""
    side = SIDE[stock.host]
    processor = stock.config.model.get('data_preprocessor') or {}
    codec = stock.config.get('codec') or {}
    size = backbone.get('img_size') or processor.get('size') or side
    if stock.host == 'mmaction':
        size = _cropped(stock.config) or size
    if isinstance(codec, dict) and 'input_size' in codec:
        size = tuple(reversed(codec['input_size']))
    size = (size, size) if isinstance(size, int) else tuple(size)
    size = tuple(max(part // 32, 1) * 32 for part in size)
    channels = backbone.get('in_channels', 3)
    shape = [1, channels, *size]
    if stock.host == 'mmaction':
        form = str(processor.get('format_shape', ''))
        if form.startswith('NCTHW') or stock.config.model.type.endswith('3D'):
            shape.insert(2, backbone.get('num_frames', _frames(stock.config)))
        else:
            head = stock.config.model.get('cls_head') or {}
            shape[0] = head.get('num_segments', FRAMES)
    return torch.empty(shape, device='meta')


def _steps(config: Config) -> Iterator[Any]:
    for name in ('train_pipeline', 'test_pipeline'):
        yield from config.get(name) or []


def _frames(config: Config) -> int:
    """Frames of a clip, as a pipeline samples them."""
    lengths = [step.get('clip_len') for step in _steps(config)]
    return next((n for n in lengths if isinstance(n, int)), FRAMES)


def _cropped(config: Config) -> Any:
    """The last size that a pipeline crops or resizes clips to, if any."""
    size = None
    for step in _steps(config):
        for key in ('scale', 'size', 'crop_size'):
            value = step.get(key)
            sides = [value] if isinstance(value, int) else value or [-1]
            if min(sides) > 0:
                size = value
    return size


def fit(stock: Stock, owner: Any) -> list[str]:
    """Remove what is the old backbone's, and set what is ours.

    Returns:
        list: Notes.
    """
    config = stock.config
    notes: list[str] = []
    if config.get('load_from'):
        notes.append(f'load_from is gone: {config.load_from}')
        config.load_from = None
    for part in {id(p): p for p in (config.model, owner)}.values():
        for key in ('pretrained', 'init_cfg'):
            if part.get(key):
                part[key] = None
    _set_imports(config, notes)
    if owner['backbone'].get('init_cfg'):
        beside = {'data_preprocessor': config.get('data_preprocessor')}
        # A classifier's is beside the model.
        for processor in [*_processors(beside), *_processors(config.model)]:
            _set_pixels(stock.host, processor, notes)
    _set_constructor(config, notes)
    return notes


def _set_imports(config: Config, notes: list[str]) -> None:
    """Import us, and no package that is missing and not used any more."""
    imports = config.get('custom_imports') or {}
    names = imports.get('imports') or []
    names = [names] if isinstance(names, str) else list(names)
    for name in [n for n in names if find_spec(n.partition('.')[0]) is None]:
        top = name.partition('.')[0]
        if f"'{top}." in str(config.model):
            raise ImportError(
                f'the model needs {name} beside the backbone; {advice([top])}'
            )
        names.remove(name)
        notes.append(f'{name} is no longer imported: nothing of it is used')
    config.custom_imports = {
        'imports': [*names, 'uniformer_mm'],
        'allow_failed_imports': False,
    }


def _processors(model: Any) -> Iterator[Any]:
    for key, value in model.items():
        if isinstance(value, dict) and key == 'data_preprocessor':
            if 'data_preprocessor' in value:
                yield value['data_preprocessor']
            else:
                yield value
        elif isinstance(value, dict) and 'backbone' in value and key != 'reid':
            yield from _processors(value)


def _set_pixels(host: str, processor: Any, notes: list[str]) -> None:
    """Normalise pixels as our weights were trained."""
    old = [list(processor.get(key) or []) for key in ('mean', 'std')]
    key, default = RGB.get(host, ('bgr_to_rgb', False))
    rgb = processor.get(key, default)
    mean, std = (list(v) for v in PIXEL_STATISTICS['imagenet'])
    near = len(old[0]) == len(mean) and all(
        abs(a - b) < 0.1
        for a, b in zip(old[0] + old[1], mean + std, strict=False)
    )
    if near and rgb:
        return
    if len(old[0]) not in (0, 3):
        notes.append(f'mean has {len(old[0])} channels and stays as it is')
        return
    processor.update(mean=mean, std=std)
    if host != 'mmaction':
        processor[key] = True
        if 'rgb_to_bgr' in processor:
            processor['rgb_to_bgr'] = False
    before = f'before {old[0]} and {old[1]}' if old[0] else 'they were not'
    notes.append(f'pixels are normalised as for our weights, in RGB; {before}')


def _set_constructor(config: Config, notes: list[str]) -> None:
    wrapper = config.get('optim_wrapper') or {}
    name = str(wrapper.get('constructor', '')).rpartition('.')[2]
    if name not in CONSTRUCTORS:
        return
    options = wrapper.get('paramwise_cfg') or {}
    rate = options.get('layer_decay_rate', options.get('decay_rate'))
    wrapper['constructor'] = 'DefaultOptimWrapperConstructor'
    wrapper['paramwise_cfg'] = None
    if CONSTRUCTORS[name] and rate:
        ours = 'uniformer_mm.LayerDecayOptimWrapperConstructor'
        wrapper['constructor'] = ours
        wrapper['paramwise_cfg'] = {
            'layer_decay_rate': rate,
            'decay_groups': 'not_vectors',
        }
    notes.append(
        f'{name} knows other backbones alone: the optimizer is made by '
        f'{wrapper["constructor"]}'
    )


def allow_unused(config: Config) -> None:
    """Let DistributedDataParallel meet parameters without a gradient."""
    wrapper = config.get('model_wrapper_cfg') or config
    wrapper['find_unused_parameters'] = True
