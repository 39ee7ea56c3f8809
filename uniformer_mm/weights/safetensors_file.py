"""Files of safetensors, with a digest of what ours hold.

The format has no checksum: a bit that flipped on a disk loads as another
weight. Those we write have a SHA-256 of keys, shapes, numbers and meta in
their metadata, which is compared when they are read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.hosts import import_extra

__all__ = ['DigestError', 'load', 'pack']

_DIGEST = 'uniformer_mm_sha256'


class DigestError(ValueError):
    """The content is not what was written."""


def pack(state: Mapping[str, Tensor], meta: Mapping[str, Any]) -> bytes:
    """Return a file of contiguous tensors and plain data.

    Raises:
        ImportError: safetensors is missing.
    """
    text = json.dumps(meta)
    metadata = {'format': 'pt', 'meta': text, _DIGEST: _digest(state, text)}
    packed: bytes = import_extra('safetensors.torch').save(
        dict(state), metadata
    )
    return packed


def load(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any], bool]:
    """Return what a file holds.

    Returns:
        state: Key -> tensor.
        meta: The meta that ``pack`` got, empty in files of others.
        checked: Whether there is a digest, which then held.

    Raises:
        DigestError: There is one, and it doesn't.
        ImportError: safetensors is missing.
        Exception: The file is cut off or damaged; of any type.
    """
    state: dict[str, Tensor] = import_extra('safetensors.torch').load(data)
    size = int.from_bytes(data[:8], 'little')
    texts = json.loads(data[8 : 8 + size]).get('__metadata__') or {}
    digest, text = texts.get(_DIGEST), texts.get('meta', 'null')
    if digest is not None and digest != _digest(state, text):
        raise DigestError('it does not match the digest in it')
    meta: Any = None
    # Files of others may hold any text there.
    with contextlib.suppress(ValueError, RecursionError):
        meta = json.loads(text)
    return state, meta if isinstance(meta, dict) else {}, digest is not None


def _digest(state: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for key, value in sorted(state.items()):
        digest.update(f'\0{key}\0{value.dtype}\0{[*value.shape]}\0'.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
