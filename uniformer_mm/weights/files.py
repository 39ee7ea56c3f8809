"""Weight files: what is in one, and writing one that is whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.weights import safetensors_file
from uniformer_mm.weights.reading import (
    WeightFileError,
    check_state,
    load_content,
)
from uniformer_mm.weights.unwrap import unwrap

__all__ = [
    'WeightFile',
    'WeightFileError',
    'file_sha256',
    'read_weights',
    'write_weights',
]


@dataclass(frozen=True)
class WeightFile:
    """What a weight file holds.

    Attributes:
        path (Path): The file.
        state (dict[str, Tensor]): Key -> tensor on the CPU, without gradient;
            what wrappers add to keys (``module.``, ``_orig_mod.`` and the
            like) is taken off, and counters of batches are ints.
        wrapper (str): Entry the weights were in, such as 'state_dict' or
            'model_ema'; 'bare' if the file is the dict of tensors itself.
        meta (dict[str, Any]): The file's 'meta' entry if that is a dict,
            else empty. What is neither a tensor nor plain data in it was not
            made: an ``unpickle.Placeholder`` stands there.
        checked (bool): Whether the file has checksums of its weights, which
            held. Without them a changed bit can be another weight.
        notes (tuple[str]): What else was found and done: that the weights
            are an average, what was left out or taken off the keys.
    """

    path: Path
    state: dict[str, Tensor]
    wrapper: str
    meta: dict[str, Any]
    checked: bool
    notes: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Entry and notes, in a line."""
        return ', '.join((self.wrapper, *self.notes))


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_weights(
    path: str | os.PathLike[str], *, ema: bool | None = None
) -> WeightFile:
    """Read the weights of an official file, of a host's or of our own.

    Files of ``torch.save`` (both formats) and safetensors are told apart by
    content, not by name. Nothing in a file is executed.

    Args:
        path: The file.
        ema: Whether to take the averaged weights (an exponential moving
            average over training) or the raw ones. None takes what the
            program that wrote the file would load: the raw ones, if they are
            there, but the averaged ones of MMEngine and of ``AveragedModel``;
            ``notes`` says so.

    Raises:
        WeightFileError: The file is not there, not readable, damaged or not a
            weight file; it needs more types than tensors and plain data; or
            its weights are missing, empty, ambiguous, of a kind the models
            can't hold, NaN or infinite.
        ImportError: It is a safetensors file and safetensors is missing.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            kind = 'a folder' if path.is_dir() else 'not a plain file'
            raise WeightFileError(f'{path} is {kind}; name one weight file')
        with path.open('rb') as file:
            content, meta, checked = load_content(file, path)
    except FileNotFoundError:
        raise WeightFileError(
            f'{path} does not exist; check the path, or download it first'
        ) from None
    except OSError as error:
        raise WeightFileError(
            f"{path} can't be read: {error.strerror or error}; check that "
            'you may read it, or copy it to a folder of yours'
        ) from error
    wrapper, state, notes = unwrap(content, path, ema)
    return WeightFile(path, state, wrapper, meta, checked, notes)


def write_weights(
    state: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    *,
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Write weights so that ``path`` is a whole file, or is as it was before.

    A name that ends in ``.safetensors`` gives that format, any other the
    format of ``torch.save`` with the entries 'state_dict' and 'meta', which
    MMEngine loads. Tensors are written contiguous, each with values of its
    own. What a wrapper added to a key will be gone when the file is read.

    Args:
        state: Key -> tensor, on any device.
        path: The file; one that is there is replaced, and its permissions
            stay.
        meta: Plain data to keep beside the weights, from str, int, float,
            bool, None, list and dict with str keys.

    Raises:
        WeightFileError: ``state`` is empty or would be refused when read, or
            the file can't be written, or something else is there.
        TypeError: ``meta`` is not plain data.
        ImportError: The name ends in ``.safetensors`` and safetensors is
            missing.
    """
    check_state(state, f'state for {path}')
    plain = dict(meta or {})
    _check_plain(plain, 'meta')
    # Cloned: torch would write the whole memory a view is part of, and
    # safetensors refuses tensors that share memory.
    tensors = {
        key: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, tensor in state.items()
    }
    packed = None
    if Path(path).suffix == '.safetensors':
        packed = safetensors_file.pack(tensors, plain)
    # As open() does, write to where a link points, not over the link.
    target = Path(os.path.realpath(path))
    # In the same folder, as a rename is atomic only within a file system.
    part = target.with_name(f'.uniformer_mm-{secrets.token_hex(8)}.part')
    if target.exists() and not target.is_file():
        kind = 'a folder' if target.is_dir() else 'not a plain file'
        raise WeightFileError(
            f'{path} is {kind}, which is not replaced; name another file'
        )
    try:
        with part.open('xb') as file:
            with contextlib.suppress(FileNotFoundError):
                part.chmod(stat.S_IMODE(target.stat().st_mode))
            if packed is not None:
                file.write(packed)
            else:
                torch.save({'state_dict': tensors, 'meta': plain}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    # torch makes a RuntimeError of a failed write, with its cause as context.
    except (OSError, RuntimeError) as error:
        cause = error if isinstance(error, OSError) else error.__context__
        reason = getattr(cause, 'strerror', None) or error
        raise WeightFileError(
            f"{path} can't be written: {reason}; nothing was changed. Choose "
            'a folder that exists, is yours to write in and has space'
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _check_plain(value: Any, where: str) -> None:
    """Refuse what both formats can't give back as it was."""
    # Exact types: NumPy's float64 is a float, and is no plain data.
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise TypeError(f'keys of {where} must be str, got {key!r}')
            _check_plain(item, f'{where}[{key!r}]')
    elif type(value) is list:
        for index, item in enumerate(value):
            _check_plain(item, f'{where}[{index}]')
    elif type(value) not in (str, int, float, bool, type(None)):
        raise TypeError(
            f'{where} must be plain data (str, int, float, bool, None, list '
            f'or dict with str keys), got {type(value).__name__}'
        )
