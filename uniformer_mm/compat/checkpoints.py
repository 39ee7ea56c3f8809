"""Let ``torch.load(..., weights_only=True)`` read files of MMEngine.

Since torch 2.6 this is the default of ``torch.load``. It refuses every class
that is not on a list, and MMEngine's ``Runner`` stores its message hub, with
``HistoryBuffer`` and NumPy values, beside the weights. The list below is the
least that such files need; the check itself stays on.

It holds for every ``torch.load`` of the process. So a name gives less than it
could: numbers of plain types and arrays of the bytes in the file, but no
memory that is not of it, and no type with flags from it, which NumPy trusts.
"""

from __future__ import annotations

from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer

_BUFFER_METHODS = ('current', 'max', 'mean', 'min')
# As NumPy writes them into a pickle: 'b1', 'i8', 'f4', ...
_DTYPES = {
    np.dtype(code).__reduce__()[1][0]: np.dtype(code)
    for code in '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat']
}
_new_array: Any = np.zeros(1).__reduce__()[0]


class ArrayName:
    """Stands for the name ``numpy.ndarray``, which is not called."""


def plain_dtype(code: object, *_: object) -> np.dtype[Any]:
    """Stand in for ``numpy.dtype`` while a checkpoint is read.

    NumPy's own object of a type is returned, whose state can't be set: another
    one would take flags from the file, and so addresses for numbers. The byte
    order is the machine's, as in files of it.

    Raises:
        UnpicklingError: It is not a type of plain numbers.
    """
    if not isinstance(code, str) or code not in _DTYPES:
        raise UnpicklingError(
            f'a checkpoint may hold numbers of {sorted(_DTYPES)}, got {code!r}'
        )
    return _DTYPES[code]


def new_array(kind: object, shape: object, code: object) -> Any:
    """Stand in for NumPy's ``_reconstruct`` while a checkpoint is read.

    Raises:
        UnpicklingError: It is not asked for an empty array, as by NumPy, whose
            values are set from the file.
    """
    if kind is not ArrayName or (shape, code) != ((0,), b'b'):
        raise UnpicklingError(
            "a checkpoint's arrays must begin as (numpy.ndarray, (0,), b'b'), "
            f'got ({kind!r}, {shape!r}, {code!r})'
        )
    return _new_array(np.ndarray, shape, code)


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
    default, and its list can't hold names.
    """
    # A TorchVersion: compared as a version, not as a string.
    if torch.__version__ < '2.6':
        return
    # Taken from NumPy's pickles, so that none of its private modules is
    # imported.
    scalar: Any = np.float64(0).__reduce__()[0]
    # To set the state of what was made, torch wants its type on the list; a
    # pickle can't name it, as what it names has a dot.
    made = {np.ndarray, *map(type, _DTYPES.values())}
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            *((kind, kind.__name__) for kind in made),
            (ArrayName, 'numpy.ndarray'),
            (plain_dtype, 'numpy.dtype'),
            (only_buffer_methods, 'builtins.getattr'),
            (new_array, 'numpy.core.multiarray._reconstruct'),
            (new_array, 'numpy._core.multiarray._reconstruct'),
            (scalar, 'numpy.core.multiarray.scalar'),
            (scalar, 'numpy._core.multiarray.scalar'),
        ]
    )
