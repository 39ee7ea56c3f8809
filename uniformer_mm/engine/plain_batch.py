"""A batch of a host as tensors and plain data, and back.

So that a file with a batch can be read as data, with nothing in it run. A dict
with a 'kind' stands for what is neither: only kinds of a closed list are
written, and made again.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

from uniformer_mm.weights.storages import DTYPES

__all__ = ['from_plain', 'to_plain']

# Data elements of the hosts; each is made without arguments.
ELEMENTS = (
    'mmengine.structures.BaseDataElement',
    'mmengine.structures.InstanceData',
    'mmengine.structures.LabelData',
    'mmengine.structures.PixelData',
    'mmdet.structures.DetDataSample',
    'mmdet.structures.ReIDDataSample',
    'mmdet.structures.TrackDataSample',
    'mmseg.structures.SegDataSample',
    'mmpose.structures.MultilevelPixelData',
    'mmpose.structures.PoseDataSample',
    'mmaction.structures.ActionDataSample',
    'mmpretrain.structures.DataSample',
    'mmpretrain.structures.MultiTaskDataSample',
)
BOXES = 'mmdet.structures.bbox.HorizontalBoxes'
BITMAPS = 'mmdet.structures.mask.BitmapMasks'
POLYGONS = 'mmdet.structures.mask.PolygonMasks'
ARRAY, NUMBER = 'numpy.ndarray', 'numpy.generic'
PLAIN = (bool, int, float, str, type(None))
TYPES = frozenset(DTYPES.values())
NUMBERS = 'biufc'  # of NumPy's kinds, those that are no pointers
_LEFT_OUT = object()


def to_plain(value: Any, place: str = 'batch') -> tuple[Any, list[str]]:
    """Return a value as tensors, plain data, lists, tuples and dicts.

    Args:
        value: As a data loader of a host gives it.
        place: Of the value, for the names of what is left out.

    Returns:
        plain: For ``from_plain``. Tensors are on the CPU and of their own.
        left_out: Places and types of what is not in the list, and so is not in
            ``plain``; in a list or tuple, None stands there.
    """
    writer = _Writer()
    plain = writer.plain(value, place)
    return None if plain is _LEFT_OUT else plain, writer.left_out


def from_plain(plain: Any) -> Any:
    """Return the value of which ``to_plain`` made ``plain``.

    Nothing is made that is not in the list, whatever ``plain`` says.

    Raises:
        ImportError: The host of a kind is not installed.
        ValueError: ``plain`` is nothing that ``to_plain`` makes.
    """
    _check_tree(plain)
    return _made(plain)


def _check_tree(plain: Any) -> None:
    """Refuse what is in itself or in many places, which can take for ever."""
    known, left = set(), [plain]
    while left:
        value = left.pop()
        if type(value) not in (dict, list, tuple) or not value:
            continue
        if id(value) in known:
            raise ValueError('a batch holds one thing in two places')
        known.add(id(value))
        left += value.values() if isinstance(value, dict) else value


def _made(plain: Any) -> Any:
    if type(plain) in PLAIN:
        return plain
    if type(plain) is Tensor:
        if plain.dtype not in TYPES:
            raise ValueError(f'a batch holds no tensor of {plain.dtype}')
        if plain.nbytes > plain.untyped_storage().nbytes():
            raise ValueError('a tensor of a batch is larger than its bytes')
        return plain
    if type(plain) in (list, tuple):
        return type(plain)(_made(item) for item in plain)
    if type(plain) is not dict or not isinstance(plain.get('kind'), str):
        raise ValueError(f'a batch holds no {type(plain).__name__}')
    kind = plain['kind']
    make = _MAKERS.get(kind, _element if kind in ELEMENTS else None)
    if make is None:
        raise ValueError(f'a batch holds no {kind!r:.80}')
    try:
        return make(plain)
    except (AssertionError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'{kind} is not whole ({error!r:.200})') from error


class _Writer:
    """Takes values apart, and notes what it does not know."""

    def __init__(self) -> None:
        self.left_out: list[str] = []

    def plain(self, value: Any, place: str) -> Any:
        kind = type(value)
        if kind in PLAIN:
            return value
        dense = kind is Tensor and value.layout == torch.strided
        if dense and value.dtype in TYPES:
            return value.detach().cpu().clone()
        if kind in (list, tuple):
            items = self.items(dict(enumerate(value)), place)
            return kind(items.get(index) for index in range(len(value)))
        if kind is dict and all(type(key) in PLAIN for key in value):
            return {'kind': 'dict', 'items': self.items(value, place)}
        # Not what derives from it, as masked arrays do.
        array = kind is np.ndarray or isinstance(value, np.generic)
        if array and value.dtype.kind in NUMBERS:
            return _array(value)
        name = _name(kind)
        if name in ELEMENTS:
            return self.element(value, name, place)
        if name == BOXES:
            return {'kind': name, 'tensor': self.plain(value.tensor, place)}
        if name in (BITMAPS, POLYGONS):
            return {
                'kind': name,
                'masks': self.plain(value.masks, f'{place}.masks'),
                'height': int(value.height),
                'width': int(value.width),
            }
        self.left_out.append(f'{place} ({name})')
        return _LEFT_OUT

    def items(self, value: dict[Any, Any], place: str) -> dict[Any, Any]:
        items = {
            key: self.plain(item, f'{place}[{key!r}]')
            for key, item in value.items()
        }
        return {k: item for k, item in items.items() if item is not _LEFT_OUT}

    def element(self, value: BaseDataElement, kind: str, place: str) -> Any:
        return {
            'kind': kind,
            'metainfo': self.items(value.metainfo, place),
            'fields': self.items(dict(value.items()), place),
        }


def _name(kind: type) -> str:
    """Return a type's name, as its package has it in ``structures``."""
    parts = kind.__module__.split('.')
    for end in range(2, len(parts) + 1):
        name = '.'.join((*parts[:end], kind.__qualname__))
        if name in (*ELEMENTS, BOXES, BITMAPS, POLYGONS):
            return name
    return f'{kind.__module__}.{kind.__qualname__}'


def _array(value: Any) -> dict[str, Any]:
    content = bytearray(np.ascontiguousarray(value).tobytes())
    empty = torch.empty(0, dtype=torch.uint8)
    return {
        'kind': ARRAY if isinstance(value, np.ndarray) else NUMBER,
        'dtype': value.dtype.str,
        'shape': list(value.shape),
        'bytes': torch.frombuffer(content, dtype=torch.uint8)
        if content
        else empty,
    }


def _numbers(plain: Any) -> Any:
    dtype = np.dtype(plain['dtype'])
    if dtype.kind not in NUMBERS:
        raise ValueError(f'an array has no {dtype}')
    content = plain['bytes'].numpy().tobytes()
    # A copy, as a view of bytes can't be written to.
    array = np.frombuffer(content, dtype).reshape(plain['shape']).copy()
    return array if plain['kind'] == ARRAY else array[()]


def _dict(plain: Any) -> dict[Any, Any]:
    return {key: _made(item) for key, item in plain['items'].items()}


def _element(plain: Any) -> Any:
    info = {k: _made(v) for k, v in plain['metainfo'].items()}
    element = _kind(plain)(metainfo=info)
    for key, item in plain['fields'].items():
        if not key.isidentifier() or key.startswith('__'):
            raise ValueError(f'a data element has no {key!r:.80}')
        setattr(element, key, _made(item))
    return element


def _boxes(plain: Any) -> Any:
    return _kind(plain)(_made(plain['tensor']), clone=False)


def _masks(plain: Any) -> Any:
    masks = _made(plain['masks'])
    return _kind(plain)(masks, plain['height'], plain['width'])


def _kind(plain: Any) -> Any:
    module, _, name = plain['kind'].rpartition('.')
    return getattr(import_module(module), name)


_MAKERS: dict[str, Callable[[Any], Any]] = {
    'dict': _dict,
    ARRAY: _numbers,
    NUMBER: _numbers,
    BOXES: _boxes,
    BITMAPS: _masks,
    POLYGONS: _masks,
}
