"""Replacement of mmcv's compiled module ``mmcv._ext``, for mmcv-lite.

Executed under the name ``mmcv._ext`` by ``uniformer_mm_autoload``, where no
compiled module exists. ``mmcv.ops`` asks for all of mmcv's names when it is
imported: those not supplied are functions that raise NotImplementedError once
they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from uniformer_mm.compat.focal_loss import (
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
)
from uniformer_mm.compat.nms import nms, softnms
from uniformer_mm.compat.roi_align import (
    roi_align_backward,
    roi_align_forward,
)

__all__ = [
    'get_compiler_version',
    'get_compiling_cuda_version',
    'nms',
    'roi_align_backward',
    'roi_align_forward',
    'sigmoid_focal_loss_backward',
    'sigmoid_focal_loss_forward',
    'softnms',
]


def get_compiler_version() -> str:
    """Return ``'n/a'``, which ``mmcv.utils.collect_env`` reports."""
    return 'n/a'


def get_compiling_cuda_version() -> str:
    """Return ``'n/a'``, which ``mmcv.utils.collect_env`` reports."""
    return 'n/a'


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """Return a function that raises NotImplementedError when called.

    Raises:
        AttributeError: ``name`` starts with an underscore; Python's own
            machinery asks for such names and must see that they are missing.
    """
    if name.startswith('_'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

    def not_supplied(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            f'mmcv._ext.{name} needs a compiled mmcv: mmcv-lite with '
            'uniformer_mm supplies only nms, soft_nms, roi_align (average) '
            'and sigmoid_focal_loss. First run "pip uninstall mmcv-lite", '
            'then "mim install mmcv==2.1.0"; in the other order the uninstall '
            'deletes files that both share.'
        )

    return not_supplied
