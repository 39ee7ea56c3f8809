"""Untrusted bytes to tensors, without running what is in them.

A weight file comes from somebody else, and a pickle can run any program. So
files are told apart by content, a pickle is read as data (``unpickle.py``),
and what that can't give is refused, with the way out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.weights import safetensors_file
from uniformer_mm.weights.archive import (
    LEGACY,
    ZIP,
    ArchiveError,
    load_legacy,
    load_zip,
)
from uniformer_mm.weights.unpickle import Placeholder, UnknownTypesError

__all__ = [
    'ForeignTypesError',
    'WeightFileError',
    'check_state',
    'kind_of',
    'listed',
    'load_content',
    'shown',
]

_CONVERT = (
    'If you trust its origin, convert it in a throw-away environment that has '
    'no network and no secrets, tensors only: '
    "torch.save({'state_dict': {k: v for k, v in state.items()}}, path)"
)

# Those the backbones can hold; quantized and 8-bit floats have other dtypes.
_DTYPES = frozenset(
    {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool}
    | {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
)
_FLOATS = re.compile(r'(.*\.)?(weight|bias|running_mean|running_var)')

MAX_KEY = 500
"""Characters of the name of a weight."""

COPIES = 16
"""How often the same bytes may be part of weights, where these are large."""

_SMALL = 1 << 26


class WeightFileError(ValueError):
    """A file can't be read or written; says which, why and what to do."""


class ForeignTypesError(WeightFileError):
    """A file needs types that are not made; it may be whole."""


def shown(name: object, limit: int = 120) -> str:
    """Return a name out of a file as text that is safe to print.

    A file may hold any text: what moves the cursor, hides or reorders letters
    is escaped, and what is long is cut.
    """
    if not isinstance(name, (str, int, float, type(None))):
        return f'a {type(name).__name__}'
    text = str(name)[: limit + 1]
    if len(text) > limit:
        text = f'{text[: limit - 3]}...'
    return text if text.isprintable() else repr(text)[1:-1]


def listed(names: Iterable[object], limit: int = 8) -> str:
    """Return the names in a line: the first ``limit``, and how many more."""
    names = list(names)
    more = f' and {len(names) - limit} more' if len(names) > limit else ''
    return ', '.join(map(shown, names[:limit])) + more


def load_content(
    file: BufferedReader, path: Path
) -> tuple[Any, dict[str, Any], bool]:
    """Return what a file holds, its 'meta', and whether checksums held.

    Raises:
        ForeignTypesError: It needs types that are not made.
        WeightFileError: It is damaged, or no weight file.
    """
    head = file.read(512)
    file.seek(0)
    text = head.removeprefix(b'\xef\xbb\xbf').lstrip().lower()
    # An 8-byte length, then JSON; text would make a far greater length.
    if head[8:9] == b'{' and int.from_bytes(head[:8], 'little') < 1 << 32:
        return _load_safetensors(file, path)
    if not head:
        problem = 'is empty (0 bytes): the download failed, fetch it again'
        raise WeightFileError(f'{path} {problem}')
    if text.startswith(b'<'):
        raise WeightFileError(
            f'{path} is a web page, not weights: the download needs a browser '
            'or another link'
        )
    if text.startswith(b'version https://git-lfs'):
        raise WeightFileError(
            f'{path} is a pointer of Git LFS, not weights: run `git lfs pull`'
        )
    if head[257:262] == b'ustar':
        raise WeightFileError(
            f'{path} is a tar archive; if a weight file is inside, unpack it. '
            f'If it is one, of torch before 0.2, it is too old. {_CONVERT}'
        )
    if not head.startswith((ZIP, LEGACY)):
        kind = 'a pickle' if head.startswith(b'\x80') else 'a file'
        raise WeightFileError(
            f'{path} is {kind} that neither torch.save nor safetensors wrote '
            f'(it begins with {head[:16]!r}); it was not opened. {_CONVERT}'
        )
    try:
        if head.startswith(ZIP):
            content, checked = load_zip(file)
        else:
            content, checked = load_legacy(file), False
    except ArchiveError as error:
        raise WeightFileError(f'{path} {error}') from error
    except UnknownTypesError as error:
        raise ForeignTypesError(
            f'{path} holds more than tensors and plain data: '
            f'{listed(error.names)}. To make these could run any program, so '
            f'it is refused. {_CONVERT}'
        ) from error
    # A damaged pickle can fail in any way.
    except Exception as error:
        reason = shown(str(error), 200) or type(error).__name__
        raise WeightFileError(
            f'{path} is cut off, damaged or of an unusual format ({reason}); '
            f'fetch it again. If it is whole: {_CONVERT}'
        ) from error
    meta = content.get('meta') if isinstance(content, dict) else None
    return content, meta if isinstance(meta, dict) else {}, checked


def _load_safetensors(
    file: BufferedReader, path: Path
) -> tuple[dict[str, Tensor], dict[str, Any], bool]:
    try:
        # Read, not mapped: tensors must outlive a change of the file.
        return safetensors_file.load(file.read())
    except (ImportError, OSError):
        raise
    except Exception as error:
        raise WeightFileError(
            f'{path} is a safetensors file that is cut off or damaged '
            f'({shown(str(error), 200)}); fetch it again'
        ) from error


def check_state(state: Any, where: str) -> None:
    """Refuse what is not a dict of dense, finite tensors under str keys.

    Raises:
        WeightFileError: It is not; ``where`` begins the message.
    """
    if not isinstance(state, Mapping):
        raise WeightFileError(
            f'{where}: expected a dict of tensors, got {kind_of(state)}'
        )
    if not state:
        raise WeightFileError(f'{where}: there are no weights in it (empty)')
    keys = [key for key in state if not isinstance(key, str)]
    if keys:
        raise WeightFileError(f'{where}: keys must be str, got {listed(keys)}')
    keys = [key for key in state if shown(key, MAX_KEY) != key]
    if keys:
        raise WeightFileError(
            f'{where}: keys must be printable and at most {MAX_KEY} '
            f'characters long, got {listed(keys)}'
        )
    others = [
        f'{key} ({kind_of(value)})'
        for key, value in state.items()
        if not isinstance(value, Tensor)
    ]
    if others:
        raise WeightFileError(
            f'{where}: expected tensors only, got {listed(others)}'
        )
    unusual = [
        f'{key} ({value.layout}, {value.dtype}, {value.device.type})'
        for key, value in state.items()
        if value.layout is not torch.strided
        or value.dtype not in _DTYPES
        or value.is_meta
        or value.is_nested
        or (_FLOATS.fullmatch(key) and not value.is_floating_point())
    ]
    if unusual:
        raise WeightFileError(
            f'{where}: expected dense tensors of floats, or of ints or bools '
            'where these are no weights, biases or statistics, got '
            f'{listed(unusual)}; save them as such'
        )
    stored = {
        value.untyped_storage().data_ptr(): value.untyped_storage().nbytes()
        for value in state.values()
    }
    taken, there = sum(v.nbytes for v in state.values()), sum(stored.values())
    if taken > max(COPIES * there, _SMALL):
        raise WeightFileError(
            f'{where}: as tensors of their own they take {taken} bytes, more '
            f'than {COPIES} times the {there} that are there; save them so'
        )
    # An int tensor, such as num_batches_tracked, is finite.
    broken = [k for k, v in state.items() if not torch.isfinite(v).all()]
    if broken:
        raise WeightFileError(
            f'{where}: NaN or infinite values in {len(broken)} of '
            f'{len(state)} tensors, {listed(broken)}; the training diverged '
            'or the file is damaged, take an earlier one'
        )
    broken = [
        key
        for key, value in state.items()
        if key.endswith('running_var') and (value < 0).any()
    ]
    if broken:
        raise WeightFileError(
            f'{where}: a variance is 0 or more, but there are negative ones '
            f'in {listed(broken)}; the file is damaged, take an earlier one'
        )


def kind_of(value: object) -> str:
    """Return the name of a value's type."""
    if isinstance(value, Placeholder):
        return shown(value.name)
    return type(value).__name__
