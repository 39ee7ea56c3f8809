"""Weight files: what is in one, and writing one that is whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.weights.checks import (
    WeightFileError,
    check_plain,
    check_state,
    some,
)
from uniformer_mm.weights.formats import load_content, safetensors_torch

__all__ = ['WeightFile', 'WeightFileError', 'read_weights', 'write_weights']

# Entries of the official files: image classification and mmcv's hosts save
# under the first two, video under the third; timm and the image code average.
_RAW = ('model', 'state_dict', 'model_state')
_AVERAGED = ('model_ema', 'state_dict_ema')


@dataclass(frozen=True)
class WeightFile:
    """What a weight file holds.

    Attributes:
        path (Path): The file.
        state (dict[str, Tensor]): Key -> tensor on the CPU, without gradient;
            a leading ``module.`` is taken off the keys.
        wrapper (str): Top-level entry the weights were in: 'model',
            'model_ema', 'state_dict', 'state_dict_ema', 'model_state'; or
            'bare' if the file is the dict of tensors itself.
        meta (dict[str, Any]): The file's 'meta' entry if that is a dict,
            else empty.
    """

    path: Path
    state: dict[str, Tensor]
    wrapper: str
    meta: dict[str, Any]


def read_weights(
    path: str | os.PathLike[str], *, ema: bool = False
) -> WeightFile:
    """Read the weights of an official file, of a host's or of our own.

    Files of ``torch.save`` (both formats) and safetensors are told apart by
    content, not by name. Nothing in a file is executed.

    Args:
        path: The file.
        ema: Whether to take the averaged weights (an exponential moving
            average over training) instead of the raw ones.

    Raises:
        WeightFileError: The file is not there, not readable, damaged or not a
            weight file; it needs more types than tensors and plain data; or
            its weights are missing, empty, ambiguous, of a kind the models
            cannot hold, NaN or infinite.
        ImportError: It is a safetensors file and safetensors is missing.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            kind = 'a folder' if path.is_dir() else 'not a plain file'
            raise WeightFileError(f'{path} is {kind}; name one weight file')
        with path.open('rb') as file:
            content, meta = load_content(file, path)
    except FileNotFoundError:
        raise WeightFileError(
            f'{path} does not exist; check the path, or download it first'
        ) from None
    except OSError as error:
        raise WeightFileError(
            f'{path} cannot be read: {error.strerror or error}; check that '
            'you may read it, or copy it to a folder of yours'
        ) from error
    wrapper, state = _select(content, path, ema)
    where = f'{path}, entry {wrapper!r}'
    if wrapper == 'bare':
        where = f'{path}, which has none of the entries {some(_RAW)}'
    check_state(state, where)
    stripped: dict[str, Tensor] = {}
    for key, tensor in state.items():
        name = key.removeprefix('module.')
        if name in stripped:
            raise WeightFileError(
                f"{path} holds both {name!r} and 'module.{name}', which are "
                'one key; save it again with one of them'
            )
        stripped[name] = tensor.detach()
    return WeightFile(path, stripped, wrapper, meta)


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
    own. A leading ``module.`` of a key will be gone when the file is read.

    Args:
        state: Key -> tensor, on any device.
        path: The file; one that is there is replaced.
        meta: Plain data to keep beside the weights, from str, int, float,
            bool, None, list and dict with str keys.

    Raises:
        WeightFileError: ``state`` is empty or would be refused when read, or
            the file cannot be written.
        TypeError: ``meta`` is not plain data.
        ImportError: The name ends in ``.safetensors`` and safetensors is
            missing.
    """
    check_state(state, f'state for {path}')
    plain = dict(meta or {})
    check_plain(plain, 'meta')
    # Cloned: torch would write the whole memory a view is part of, and
    # safetensors refuses tensors that share memory.
    tensors = {
        key: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, tensor in state.items()
    }
    packed = None
    if Path(path).suffix == '.safetensors':
        text = {'format': 'pt', 'meta': json.dumps(plain)}
        packed = safetensors_torch().save(tensors, text)
    # As open() does, write to where a link points, not over the link.
    target = Path(os.path.realpath(path))
    # In the same folder, as a rename is atomic only within a file system.
    part = target.with_name(f'.uniformer_mm-{secrets.token_hex(8)}.part')
    try:
        with part.open('xb') as file:
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
            f'{path} cannot be written: {reason}; nothing was changed. Choose '
            'a folder that exists, is yours to write in and has space'
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _select(content: Any, path: Path, ema: bool) -> tuple[str, Any]:
    """Return the entry that holds the weights, and its value."""
    if not isinstance(content, Mapping):
        kind = type(content).__name__
        raise WeightFileError(f'{path} holds a {kind}, expected a dict')

    # A tensor of that name belongs to a bare dict.
    def there(names: tuple[str, ...]) -> list[str]:
        return [
            n
            for n in names
            if not isinstance(content.get(n, Tensor()), Tensor)
        ]

    raw, averaged = there(_RAW), there(_AVERAGED)
    found = averaged if ema else raw
    if len(found) > 1:
        raise WeightFileError(
            f'{path} has several entries of weights, {some(found)}; save the '
            'one you mean alone'
        )
    if found:
        return found[0], content[found[0]]
    if ema:
        raise WeightFileError(
            f'{path} has no averaged weights, {some(_AVERAGED)}, but '
            f'{some(content)}; read it with ema=False'
        )
    if averaged:
        raise WeightFileError(
            f'{path} has averaged weights only, {some(averaged)}; read it '
            'with ema=True'
        )
    return 'bare', content
