"""Untrusted bytes to tensors, without running what is in them.

A weight file comes from somebody else, and a pickle can run any program. So
files are told apart by content, pickles are read with ``weights_only=True``
and nothing else, and what that refuses is refused here, with the way out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pickle
import re
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from uniformer_mm.hosts import import_extra

__all__ = [
    'WeightFileError',
    'check_state',
    'listed',
    'load_content',
]

# The first pickle of torch's format before 1.6 is its magic number.
_LEGACY = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'
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


class WeightFileError(ValueError):
    """A file cannot be read or written; says which, why and what to do."""


def listed(names: Iterable[object], limit: int = 8) -> str:
    """Return the names in a line: the first ``limit``, and how many more."""
    names = list(names)
    more = f' and {len(names) - limit} more' if len(names) > limit else ''
    return ', '.join(map(str, names[:limit])) + more


def load_content(file: IO[bytes], path: Path) -> tuple[Any, dict[str, Any]]:
    """Return what a file holds, and its 'meta', by its first bytes."""
    head = file.read(512)
    file.seek(0)
    text = head.removeprefix(b'\xef\xbb\xbf').lstrip().lower()
    # An 8-byte length, then JSON; text would make a far greater length.
    if head[8:9] == b'{' and int.from_bytes(head[:8], 'little') < 1 << 32:
        return _load_safetensors(file, path)
    if head.startswith(b'PK\x03\x04'):
        _check_archive(file, path)
    elif not head:
        problem = 'is empty (0 bytes): the download failed, fetch it again'
        raise WeightFileError(f'{path} {problem}')
    elif text.startswith(b'<'):
        raise WeightFileError(
            f'{path} is a web page, not weights: the download needs a browser '
            'or another link'
        )
    elif text.startswith(b'version https://git-lfs'):
        raise WeightFileError(
            f'{path} is a pointer of Git LFS, not weights: run `git lfs pull`'
        )
    # weights_only of torch 2.5 does not hold for tar files: CVE-2025-32434.
    elif not head.startswith(_LEGACY) or tarfile.is_tarfile(file):
        kind = 'a pickle' if head.startswith(b'\x80') else 'a file'
        raise WeightFileError(
            f'{path} is {kind} that neither torch.save nor safetensors wrote '
            f'(it begins with {head[:16]!r}); it was not opened. {_CONVERT}'
        )
    content = _load_pickle(file, path)
    meta = content.get('meta') if isinstance(content, dict) else None
    return content, meta if isinstance(meta, dict) else {}


def _check_archive(file: IO[bytes], path: Path) -> None:
    """Refuse a zip that torch.save did not write or that was damaged."""
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
        # Without checksums (torch can leave them out) all of them are zero.
        damaged = archive.testzip() if any(m.CRC for m in members) else None
    except Exception as error:
        raise WeightFileError(
            f'{path} is cut off or damaged ({error}); fetch it again'
        ) from error
    names = [member.filename for member in members]
    if not any(name.endswith('/data.pkl') for name in names):
        raise WeightFileError(
            f'{path} is a zip archive of {listed(names)}, not a file of '
            'torch.save; if a weight file is inside, unpack it'
        )
    # weights_only of torch 2.5 does not hold for these either.
    if any(name.endswith('/constants.pkl') for name in names):
        raise WeightFileError(
            f'{path} is a TorchScript program, not weights. {_CONVERT}'
        )
    if damaged is not None:
        raise WeightFileError(
            f'{path} is damaged: {damaged!r} does not match its checksum; '
            'fetch it again'
        )


def _load_pickle(file: IO[bytes], path: Path) -> Any:
    """Return the content of a file of torch.save."""
    # The official training files hold their arguments. A Namespace is a bag
    # of attributes: making and filling one runs nothing of the file's choice.
    # Left alone if the user allows it, as leaving the context would undo that.
    allowed = torch.serialization.get_safe_globals()
    extra: list[Any] = [argparse.Namespace]
    file.seek(0)
    with torch.serialization.safe_globals(
        [kind for kind in extra if kind not in allowed]
    ):
        try:
            return torch.load(file, map_location='cpu', weights_only=True)
        # A damaged pickle can fail in any way.
        except Exception as error:
            raise _refusal(error, file, path) from error


def _refusal(error: Exception, file: IO[bytes], path: Path) -> WeightFileError:
    """Return what torch's refusal of a file means for who wants to read it."""
    types: list[str] = []
    if isinstance(error, pickle.UnpicklingError):
        # A file that ends here was cut off, maybe within the name of a type.
        if file.read(1):
            types = re.findall(r'GLOBAL (\S+)', str(error))
        # All of them, from torch 2.6 on and not in the format before 1.6.
        with contextlib.suppress(Exception):
            file.seek(0)
            types = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    if types:
        return WeightFileError(
            f'{path} holds more than tensors and plain data: '
            f'{listed(sorted(types))}. To make these could run any program, '
            f'so it is refused. {_CONVERT}'
        )
    # torch tells its reason after a page of advice.
    reason = str(error).rpartition('WeightsUnpickler error: ')[2].strip()
    line = reason.partition('\n')[0] or type(error).__name__
    return WeightFileError(
        f'{path} is cut off, damaged or of an unusual format ({line}); fetch '
        f'it again. If it is whole: {_CONVERT}'
    )


def _load_safetensors(
    file: IO[bytes], path: Path
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the 'meta' of a safetensors file."""
    load = import_extra('safetensors.torch').load
    # Read, not mapped: tensors must outlive a change of the file.
    data = file.read()
    try:
        tensors: dict[str, Tensor] = load(data)
        size = int.from_bytes(data[:8], 'little')
        texts = json.loads(data[8 : 8 + size]).get('__metadata__') or {}
    except Exception as error:
        raise WeightFileError(
            f'{path} is a safetensors file that is cut off or damaged '
            f'({error}); fetch it again'
        ) from error
    meta: Any = None
    # Files of others may hold any text there.
    with contextlib.suppress(ValueError, RecursionError):
        meta = json.loads(texts.get('meta', 'null'))
    return tensors, meta if isinstance(meta, dict) else {}


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
        raise WeightFileError(f'{where}: keys must be str, got {listed(keys)}')
    others = [
        f'{key} ({type(value).__name__})'
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
    ]
    if unusual:
        raise WeightFileError(
            f'{where}: expected dense tensors of floats, ints or bools, got '
            f'{listed(unusual)}; save them as such'
        )
    # An int tensor, such as num_batches_tracked, is finite.
    broken = [k for k, v in state.items() if not torch.isfinite(v).all()]
    if broken:
        raise WeightFileError(
            f'{where}: NaN or infinite values in {len(broken)} of '
            f'{len(state)} tensors, {listed(broken)}; the training diverged '
            'or the file is damaged, take an earlier one'
        )
