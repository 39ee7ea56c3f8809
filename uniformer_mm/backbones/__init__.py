"""The backbones; importing this registers them."""

from uniformer_mm.backbones.specs import ARCHS, ArchSpec
from uniformer_mm.backbones.uniformer import UniFormer

__all__ = ['ARCHS', 'ArchSpec', 'UniFormer']
