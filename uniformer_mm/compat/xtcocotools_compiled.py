"""Stand-in for the compiled module ``xtcocotools._mask``.

Used where the installed xtcocotools has none that loads: with NumPy 2, or
another Python than the one it was compiled for. pycocotools compiles the same
functions.
"""

from __future__ import annotations

try:
    from pycocotools._mask import (
        area,
        decode,
        encode,
        frPyObjects,
        iou,
        merge,
        toBbox,
    )
except Exception as error:
    raise ImportError(
        "xtcocotools' compiled module does not work here, and neither does "
        f"pycocotools' ({error}), with which uniformer_mm replaces it: "
        'pip install --upgrade pycocotools'
    ) from error

__all__ = [
    'area',
    'decode',
    'encode',
    'frPyObjects',
    'iou',
    'merge',
    'toBbox',
]
