"""Supply modules that an OpenMMLab stack lacks, when they are imported.

``install`` is the entry point ``uniformer_mm`` of the group
``torch.backends``: torch (2.5 or newer) calls it as the last step of
``import torch``, in every process, DataLoader workers and torchrun included.
So this module must stay light, must not import ``uniformer_mm`` (which
imports torch) and must not raise, because that would break ``import torch``.
For the same reason it lies beside the metadata that names it in every kind of
install, the editable one included (see setup.py): it is there when the
checkout is not.

Two environment variables switch it off: ``UNIFORMER_MM_COMPAT=0`` (this
module alone) and torch's ``TORCH_DEVICE_BACKEND_AUTOLOAD=0`` (all of the
group).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

ENV_SWITCH = 'UNIFORMER_MM_COMPAT'
_DRN = 'mmaction.models.localizers.drn'
_XTCOCO = 'xtcocotools'
_XTCOCO_COMPILED = f'{_XTCOCO}._mask'
# Missing module -> the module of ours whose file is executed instead; the last
# one also where it is found and does not work.
REPLACEMENTS = {
    'mmcv._ext': 'uniformer_mm.compat.mmcv_ext',
    _DRN: 'uniformer_mm.compat.mmaction_drn',
    f'{_DRN}.drn': 'uniformer_mm.compat.mmaction_drn',
    _XTCOCO: 'uniformer_mm.compat.xtcocotools',
    f'{_XTCOCO}.coco': 'uniformer_mm.compat.xtcocotools_coco',
    f'{_XTCOCO}.cocoeval': 'uniformer_mm.compat.xtcocotools_cocoeval',
    f'{_XTCOCO}.mask': 'uniformer_mm.compat.xtcocotools_mask',
    _XTCOCO_COMPILED: 'uniformer_mm.compat.xtcocotools_compiled',
}
# Packages whose submodules no path finder knows, so that ours is asked.
PACKAGES = (_DRN, _XTCOCO)
GONE = (
    'uniformer_mm is installed, but Python does not find its files: the '
    'checkout of an editable install was moved or deleted or may not be read '
    'by this user, .pth files are not read, or another folder named '
    'uniformer_mm comes first. Install it again (pip install -e CHECKOUT) or '
    'remove it (pip uninstall uniformer_mm).'
)
"""What is said where the package is needed and is not there."""


class ReplacementFinder:
    """Meta path finder for the names in ``REPLACEMENTS``, asked last."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004
        target: ModuleType | None = None,  # noqa: ARG004
    ) -> ModuleSpec | None:
        """Return the spec of the replacement of ``name``, None for others.

        Where ``uniformer_mm`` is gone or may not be read, it warns and returns
        None, so that Python's own error follows. Raising would be wrong:
        MMEngine asks whether ``mmcv._ext`` exists each time it builds an
        optimizer, and programs that never needed us must get the answer "no".

        Raises:
            ImportError: ``uniformer_mm`` is there and can't be imported;
                hiding that behind "No module named 'mmcv._ext'" would
                mislead.
        """
        if name not in REPLACEMENTS:
            return None
        from importlib.util import find_spec, spec_from_file_location

        source, reason = None, ''
        try:
            if package_spec() is not None:
                source = find_spec(REPLACEMENTS[name])
        except ModuleNotFoundError as error:
            # A part of the package is gone too where it was half removed.
            if not (error.name or '').startswith('uniformer_mm.'):
                raise
        # Of a checkout in the home of another user, or on a lost mount.
        except OSError as error:
            reason = f' ({error})'
        if source is None or source.origin is None:
            from warnings import warn

            warn(GONE + reason, RuntimeWarning, stacklevel=2)
            return None
        spec = spec_from_file_location(name, source.origin)
        if spec is not None and name in PACKAGES:
            spec.submodule_search_locations = []
        return spec


class FallbackFinder:
    """Meta path finder for the compiled module of xtcocotools, asked first.

    Its wheels are built for NumPy 1: with NumPy 2 the module is found and
    does not load, and nobody is asked after a failed load. So this finder
    takes what the other finders give and watches it being loaded.
    """

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return the original's spec with a loader that falls back on ours.

        None for all other names.
        """
        if name != _XTCOCO_COMPILED:
            return None
        for finder in sys.meta_path:
            if finder is FallbackFinder or finder is ReplacementFinder:
                continue
            # Finders older than Python 3.4 have no such method.
            if not hasattr(finder, 'find_spec'):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                loader: Any = _FallbackLoader(spec.loader)
                spec.loader = loader
                return spec
        return None


class _FallbackLoader:
    """Loads a module as ``original`` does or, where that raises, ours.

    A module that loads carries no trace of this.
    """

    def __init__(self, original: Loader) -> None:
        self.original = original
        self.error: Exception | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        try:
            return self.original.create_module(spec)
        except Exception as error:
            self.error = error
            return None

    def exec_module(self, module: ModuleType) -> None:
        try:
            if self.error is not None:
                raise self.error
            if module.__spec__ is not None:
                module.__loader__ = module.__spec__.loader = self.original
            self.original.exec_module(module)
            # Compiled for NumPy 2 it loads, and its functions raise.
            module.area([{'size': [1, 1], 'counts': b'01'}])
        except Exception as error:
            from importlib.util import module_from_spec

            spec = ReplacementFinder.find_spec(module.__name__)
            if spec is None or spec.loader is None:
                raise
            # Python takes the module that it finds here after the load.
            ours = sys.modules[module.__name__] = module_from_spec(spec)
            try:
                spec.loader.exec_module(ours)
            except ImportError as second:
                raise second from error


def package_spec() -> ModuleSpec | None:
    """Return the spec of ``uniformer_mm``, None where Python finds none.

    Raises:
        OSError: Python knows where it is, and may not look there.
    """
    from importlib.util import find_spec

    spec = find_spec('uniformer_mm')
    # A folder without __init__.py has no origin.
    return None if spec is None or spec.origin is None else spec


def is_installed() -> bool:
    """Tell whether the finder is on ``sys.meta_path`` of this process."""
    return any(finder is ReplacementFinder for finder in sys.meta_path)


def is_needed() -> bool:
    """Tell whether this environment has anything of OpenMMLab.

    Nothing else asks for what the finders answer. A program that uses the
    models alone, such as ComfyUI, shall keep its imports as they are.
    """
    from importlib.util import find_spec

    try:
        return any(find_spec(name) for name in ('mmengine', 'mmcv'))
    # Finders of others fail in any way; then nobody knows.
    except Exception:
        return True


def install() -> None:
    """Put the finders on ``sys.meta_path``, once, where they are needed.

    Not where they are switched off, nor without MMEngine and mmcv.
    ``ReplacementFinder`` is last and so never hides a compiled ``mmcv._ext``,
    a complete mmaction2 or xtcocotools; ``FallbackFinder`` is first and gives
    the original its turn before ours.
    """
    # No error here is worth a torch that can't be imported.
    with suppress(Exception):
        if is_installed() or os.environ.get(ENV_SWITCH) == '0':
            return
        if is_needed():
            sys.meta_path.append(ReplacementFinder)
            sys.meta_path.insert(0, FallbackFinder)
