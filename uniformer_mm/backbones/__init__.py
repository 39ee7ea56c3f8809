"""The backbones; importing this registers them."""

from uniformer_mm.backbones.classifier import UniFormerClassifier
from uniformer_mm.backbones.specs import ARCHS, ArchSpec
from uniformer_mm.backbones.uniformer import UniFormer
from uniformer_mm.backbones.uniformer_light import UniFormerLight

__all__ = [
    'ARCHS',
    'ArchSpec',
    'UniFormer',
    'UniFormerClassifier',
    'UniFormerLight',
]
