"""Semantic segmentation in plain torch, with the weights of mmseg's.

UperNet and Semantic FPN on UniFormer, with the parameter names of mmseg, its
test pipeline and ADE20K. Imports no package of OpenMMLab: torch, NumPy and
Pillow are all it needs, and OpenCV serves where it
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
