"""UniFormer for OpenMMLab: one backbone for images and video.

Importing the package registers its modules with MMEngine, so that
``type='uniformer_mm.UniFormer'`` (from any host) and the bare
``type='UniFormer'`` (mmdet, mmseg, mmpose) can be built, and lets checkpoints
written by MMEngine be read with ``weights_only=True``. It needs torch and
MMEngine; no host is imported.
"""

from importlib.metadata import version

from uniformer_mm import engine
from uniformer_mm.backbones import (
    ARCHS,
    ArchSpec,
    UniFormer,
    UniFormerClassifier,
    UniFormerLight,
)
from uniformer_mm.backbones.deploy import deploy
from uniformer_mm.compat.checkpoints import allow_mmengine_checkpoints

__version__ = version('uniformer_mm')
__all__ = [
    'ARCHS',
    'ArchSpec',
    'UniFormer',
    'UniFormerClassifier',
    'UniFormerLight',
    '__version__',
    'deploy',
    'engine',
]

allow_mmengine_checkpoints()
