"""UniFormer for OpenMMLab: one backbone for images and video.

The models themselves need torch alone. Where MMEngine is installed, importing
the package registers all of ours with it: ``type='uniformer_mm.UniFormer'``
(from any host) and the bare ``type='UniFormer'`` (mmdet, mmseg, mmpose) can be
built, and checkpoints written by MMEngine are read with ``weights_only=True``.
No host is imported. Where MMEngine is not installed, nothing is loaded before
it is asked for, and ``UniFormer`` and its like are the plain models, which
take no ``init_cfg``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from uniformer_mm.doctor.advice import advise, warn_of_releases

if TYPE_CHECKING:
    from uniformer_mm.backbones import (
        ARCHS,
        ArchSpec,
        UniFormer,
        UniFormerClassifier,
        UniFormerLight,
    )
    from uniformer_mm.compiled import compile_options
    from uniformer_mm.deployed import deploy
    from uniformer_mm.exporting.export import export
    from uniformer_mm.hub import push_to_hub, save_pretrained
    from uniformer_mm.predict.loading import load
    from uniformer_mm.pretrained import from_pretrained
    from uniformer_mm.swap import swap_backbone
    from uniformer_mm.weights.load import load_backbone

__version__ = version('uniformer_mm')
__all__ = [
    'ARCHS',
    'ArchSpec',
    'UniFormer',
    'UniFormerClassifier',
    'UniFormerLight',
    '__version__',
    'compile_options',
    'deploy',
    'export',
    'from_pretrained',
    'load',
    'load_backbone',
    'push_to_hub',
    'save_pretrained',
    'swap_backbone',
]
# What is not loaded with the package -> where it is.
_LATER = {
    'compile_options': 'uniformer_mm.compiled',
    'deploy': 'uniformer_mm.deployed',
    'export': 'uniformer_mm.exporting.export',
    'from_pretrained': 'uniformer_mm.pretrained',
    'load': 'uniformer_mm.predict.loading',
    'load_backbone': 'uniformer_mm.weights.load',
    'push_to_hub': 'uniformer_mm.hub',
    'save_pretrained': 'uniformer_mm.hub',
    'swap_backbone': 'uniformer_mm.swap',
}


def register() -> bool:
    """Make MMEngine know all of ours; return whether MMEngine is there.

    Raises:
        ImportError: MMEngine, or what it imports, is there and fails for a
            reason that ``uniformer-mm doctor`` knows; the message has the fix.
    """
    try:
        import_module('mmengine')
        for name in ('backbones', 'engine'):
            import_module(f'uniformer_mm.{name}')
        checkpoints = import_module('uniformer_mm.compat.checkpoints')
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == 'mmengine':
            return False
        known = advise(error)
        if not known:
            raise
        raise ImportError(
            f'uniformer_mm needs what fails here ({error})\n{known}'
        ) from error
    checkpoints.allow_mmengine_checkpoints()
    removed = import_module('uniformer_mm.compat.find_loader')
    removed.supply_find_loader()
    return True


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in __all__:
        place = 'backbones' if register() else 'models'
        return getattr(import_module(f'uniformer_mm.{place}'), name)
    try:
        return import_module(f'uniformer_mm.{name}')
    except ModuleNotFoundError as error:
        if error.name != f'uniformer_mm.{name}':
            raise
        raise AttributeError(
            f'module {__name__!r} has no attribute {name!r}'
        ) from None


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


warn_of_releases()
register()
