"""The backbones as configs name them; importing this registers them."""

from uniformer_mm.backbones.mix_token import MixTokenUniFormer
from uniformer_mm.backbones.uniformer import (
    UniFormer,
    UniFormerClassifier,
    UniFormerLight,
)
from uniformer_mm.models.specs import ARCHS, ArchSpec

__all__ = [
    'ARCHS',
    'ArchSpec',
    'MixTokenUniFormer',
    'UniFormer',
    'UniFormerClassifier',
    'UniFormerLight',
]
