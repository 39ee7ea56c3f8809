"""What a weight file must hold, and the error for one that does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = [
    'WeightFileError',
    'check_plain',
    'check_state',
    'listed',
    'some',
]

# Those the backbones can hold; quantized and 8-bit floats have other dtypes.
_DTYPES = frozenset(
    {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool}
    | {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
)


class WeightFileError(ValueError):
    """A file cannot be read or written; says which, why and what to do."""


def check_state(state: Any, where: str) -> None:
    """Refuse what is not a dict of dense, finite tensors under str keys."""
    if not isinstance(state, Mapping):
        kind = type(state).__name__
        raise WeightFileError(
            f'{where}: expected a dict of tensors, got {kind}'
        )
    if not state:
        raise WeightFileError(f'{where}: there are no weights in it (empty)')
    keys = [key for key in state if not isinstance(key, str)]
    if keys:
        raise WeightFileError(f'{where}: keys must be str, got {some(keys)}')
    others = [
        f'{key} ({type(value).__name__})'
        for key, value in state.items()
        if not isinstance(value, Tensor)
    ]
    if others:
        raise WeightFileError(
            f'{where}: expected tensors only, got {some(others)}'
        )
    unusual = [
        f'{key} ({value.layout}, {value.dtype}, {value.device.type})'
        for key, value in state.items()
        if value.layout is not torch.strided
        or value.dtype not in _DTYPES
        or value.is_meta
        or value.is_nested
    ]
    if unusual:
        raise WeightFileError(
            f'{where}: expected dense tensors of floats, ints or bools, got '
            f'{some(unusual)}; save them as such'
        )
    # An int tensor, such as num_batches_tracked, is finite.
    broken = [k for k, v in state.items() if not torch.isfinite(v).all()]
    if broken:
        raise WeightFileError(
            f'{where}: NaN or infinite values in {len(broken)} of '
            f'{len(state)} tensors, {some(broken)}; the training diverged or '
            'the file is damaged, take an earlier one'
        )


def check_plain(value: Any, where: str) -> None:
    """Refuse what both formats cannot give back as it was."""
    # Exact types: NumPy's float64 is a float, and is no plain data.
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise TypeError(f'keys of {where} must be str, got {key!r}')
            check_plain(item, f'{where}[{key!r}]')
    elif type(value) is list:
        for index, item in enumerate(value):
            check_plain(item, f'{where}[{index}]')
    elif type(value) not in (str, int, float, bool, type(None)):
        raise TypeError(
            f'{where} must be plain data (str, int, float, bool, None, list '
            f'or dict with str keys), got {type(value).__name__}'
        )


def some(names: Iterable[Any]) -> str:
    """Return the first three names, and how many there are."""
    names = list(names)
    first = ', '.join(repr(name) for name in names[:3])
    return first if len(names) <= 3 else f'{first}, ... ({len(names)} in all)'


def listed(keys: Sequence[object], limit: int = 8) -> str:
    """Return the keys in a line: the first ``limit``, and how many more."""
    more = f' and {len(keys) - limit} more' if len(keys) > limit else ''
    return ', '.join(map(str, keys[:limit])) + more
