"""Supply two modules that the OpenMMLab wheels lack, when they are imported.

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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

ENV_SWITCH = 'UNIFORMER_MM_COMPAT'
_DRN = 'mmaction.models.localizers.drn'
# Missing module -> the module of ours whose file is executed instead.
REPLACEMENTS = {
    'mmcv._ext': 'uniformer_mm.compat.mmcv_ext',
    _DRN: 'uniformer_mm.compat.mmaction_drn',
    f'{_DRN}.drn': 'uniformer_mm.compat.mmaction_drn',
}
GONE = (
    'uniformer_mm is installed, but Python does not find its files: the '
    'checkout of an editable install was moved or deleted, .pth files are '
    'not read, or another folder named uniformer_mm comes first. Install it '
    'again (pip install -e CHECKOUT) or remove it (pip uninstall '
    'uniformer_mm).'
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

        Where ``uniformer_mm`` is gone, it warns and returns None, so that
        Python's own error follows. Raising would be wrong: MMEngine asks
        whether ``mmcv._ext`` exists each time it builds an optimizer, and
        programs that never needed us must get the answer "no".

        Raises:
            ImportError: ``uniformer_mm`` is there and cannot be imported;
                hiding that behind "No module named 'mmcv._ext'" would
                mislead.
        """
        if name not in REPLACEMENTS:
            return None
        from importlib.util import find_spec, spec_from_file_location

        package = find_spec('uniformer_mm')
        source = None
        # A folder without __init__.py has no origin.
        if package is not None and package.origin is not None:
            source = find_spec(REPLACEMENTS[name])
        if source is None or source.origin is None:
            from warnings import warn

            warn(GONE, RuntimeWarning, stacklevel=2)
            return None
        spec = spec_from_file_location(name, source.origin)
        if spec is not None and name == _DRN:
            # A package whose submodule no path finder knows, so that this
            # finder is asked for it.
            spec.submodule_search_locations = []
        return spec


def is_installed() -> bool:
    """Tell whether the finder is on ``sys.meta_path`` of this process."""
    return any(finder is ReplacementFinder for finder in sys.meta_path)


def install() -> None:
    """Append the finder to ``sys.meta_path``, once, unless switched off.

    Being last, it never hides a compiled ``mmcv._ext`` or the modules of a
    complete mmaction2.
    """
    # No error here is worth a torch that cannot be imported.
    with suppress(Exception):
        if os.environ.get(ENV_SWITCH) != '0' and not is_installed():
            sys.meta_path.append(ReplacementFinder)
