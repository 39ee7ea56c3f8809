"""Let ``torch.load(..., weights_only=True)`` read files of MMEngine.

Since torch 2.6 this is the default of ``torch.load``. It refuses every class
that is not on a list, and MMEngine's ``Runner`` stores its message hub, with
``HistoryBuffer`` and NumPy values, beside the weights. The list below is the
least that such files need; the check itself stays on.
"""

from __future__ import annotations

from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer

_BUFFER_METHODS = ('current', 'max', 'mean', 'min')


def only_buffer_methods(owner: object, name: str) -> Callable[..., Any]:
    """Stand in for ``getattr`` while a checkpoint is read.

    A ``HistoryBuffer`` stores its statistics methods, which pickle writes as
    ``getattr(HistoryBuffer, 'mean')``.

    Raises:
        UnpicklingError: anything but one of these methods is asked for.
    """
    if owner is not HistoryBuffer or name not in _BUFFER_METHODS:
        raise UnpicklingError(
            'a checkpoint may use getattr only for the methods '
            f'{list(_BUFFER_METHODS)} of HistoryBuffer, got {name!r} of '
            f'{owner!r}'
        )
    method: Callable[..., Any] = getattr(HistoryBuffer, name)
    return method


def allow_mmengine_checkpoints() -> None:
    """Put MMEngine's and NumPy's plain data types on torch's list.

    NumPy 1 and NumPy 2 name the module of their helpers differently; both
    names are accepted under both versions. Calling it again changes nothing.
    Below torch 2.6 it does nothing: there ``torch.load`` is unrestricted by
    default, and its list cannot hold names.
    """
    # A TorchVersion: compared as a version, not as a string.
    if torch.__version__ < '2.6':
        return
    # Taken from NumPy's pickles, so that none of its private modules is
    # imported.
    reconstruct: Any = np.zeros(1).__reduce__()[0]
    scalar: Any = np.float64(0).__reduce__()[0]
    codes = '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat']
    dtypes = {type(np.dtype(code)) for code in codes}
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            *sorted(dtypes, key=lambda dtype: dtype.__name__),
            (only_buffer_methods, 'builtins.getattr'),
            (reconstruct, 'numpy.core.multiarray._reconstruct'),
            (reconstruct, 'numpy._core.multiarray._reconstruct'),
            (scalar, 'numpy.core.multiarray.scalar'),
            (scalar, 'numpy._core.multiarray.scalar'),
        ]
    )
