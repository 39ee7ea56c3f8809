"""Semantic segmentation in plain torch: no mm* package, weights of mmseg's.

UperNet and Semantic FPN on UniFormer, with the parameter names of mmseg, its
test pipeline and ADE20K. Needs torch, NumPy and Pillow; OpenCV serves where it
is installed.
"""

from uniformer_mm.portable.ade20k import ADE20K_NAMES, ADE20K_PALETTE
from uniformer_mm.portable.annotator import UniformerSegmentor
from uniformer_mm.portable.segmentor import Segmentor

__all__ = [
    'ADE20K_NAMES',
    'ADE20K_PALETTE',
    'Segmentor',
    'UniformerSegmentor',
]
