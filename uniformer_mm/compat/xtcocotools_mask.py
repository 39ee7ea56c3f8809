"""Stand-in for ``xtcocotools.mask``: the functions of ``pycocotools.mask``."""

from __future__ import annotations

from pycocotools.mask import (
    area,
    decode,
    encode,
    frPyObjects,
    iou,
    merge,
    toBbox,
)

__all__ = [
    'area',
    'decode',
    'encode',
    'frPyObjects',
    'iou',
    'merge',
    'toBbox',
]
