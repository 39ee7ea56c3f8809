"""The models in plain torch: what UniFormer is, and nothing of how it is run.

``uniformer_mm.backbones`` holds the same classes as MMEngine's configs name
them, ``uniformer_mm.fast`` what makes them faster, ``uniformer_mm.deployed``
their form for inference.
"""

from uniformer_mm.models.classifier import UniFormerClassifier
from uniformer_mm.models.specs import ARCHS, ArchSpec
from uniformer_mm.models.uniformer import UniFormer
from uniformer_mm.models.uniformer_light import UniFormerLight

__all__ = [
    'ARCHS',
    'ArchSpec',
    'UniFormer',
    'UniFormerClassifier',
    'UniFormerLight',
]
