"""Whether a file that was found or downloaded is the one that was meant."""

from __future__ import annotations

from pathlib import Path

from uniformer_mm.models import ARCHS
from uniformer_mm.weights.catalogued import contradictions
from uniformer_mm.weights.files import file_sha256, read_weights
from uniformer_mm.weights.reading import ForeignTypesError
from uniformer_mm.weights.recognize import recognize
from uniformer_mm.weights.zoo import ZooEntry

__all__ = ['find_damage', 'find_difference']


def find_difference(path: Path, entry: ZooEntry | None) -> str:
    """Say how ``path`` differs from its size and hash in the catalogue.

    Returns:
        str: '' if it doesn't, or if the catalogue has neither.
    """
    size = path.stat().st_size
    if entry and entry.size and size != entry.size:
        return f'{entry.name} has {entry.size} bytes, got {size}'
    if entry and entry.sha256:
        digest = file_sha256(path)
        if not digest.startswith(entry.sha256):
            return f'{entry.name} has sha256 {entry.sha256}, got {digest}'
    return ''


def find_damage(path: Path, entry: ZooEntry | None) -> str:
    """Say why ``path`` is not the weight file that it must be.

    It is read, and what is in it is compared with the catalogue.

    Returns:
        str: '' if it is one, or may be: where safetensors is missing, or the
            file needs types that are not read.
    """
    fault = find_difference(path, entry)
    if fault:
        return fault
    try:
        state = read_weights(path).state
    except (ForeignTypesError, ImportError):
        return ''
    except ValueError as error:
        return str(error)
    try:
        identity = recognize(state, ARCHS)
    # A file of which other programs know what it is.
    except ValueError:
        return ''
    other = entry and contradictions(entry, identity)
    return f'it is not {entry.name}: {other}' if entry and other else ''
