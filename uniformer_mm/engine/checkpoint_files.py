"""Checkpoints on the disk: whether one is whole, and which is the last."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from torch import Tensor

from uniformer_mm.weights.reading import (
    ForeignTypesError,
    WeightFileError,
    listed,
    load_content,
)

__all__ = [
    'LAST',
    'Shapes',
    'age',
    'resumable_seed',
    'sync_folder',
    'unreadable',
    'write_last_checkpoint',
]

LAST = 'last_checkpoint'
Shapes = dict[str, tuple[int, ...]]
"""Key -> shape of the weights of a model."""


def resumable_seed(
    path: Path, shapes: Shapes | None, *, optimizer: bool
) -> int | None:
    """Return the seed of a checkpoint that can be resumed from.

    Raises:
        ValueError: It can't; says which and why.
    """
    if path.is_dir():  # as DeepSpeed's are, which checks them itself
        return None
    content = _read(path)
    if not isinstance(content, dict) or 'message_hub' not in content:
        raise ValueError(f'{path} is no checkpoint of a training of MMEngine')
    meta = content.get('meta')
    if not isinstance(meta, dict) or not all(
        isinstance(meta.get(key), int) for key in ('epoch', 'iter')
    ):
        raise ValueError(f'{path} does not say at which iteration it was made')
    if optimizer and 'optimizer' not in content:
        raise ValueError(f'{path} holds no state of an optimizer')
    state = content.get('state_dict')
    if shapes is not None and isinstance(state, dict):
        _compare(path, state, shapes)
    seed = meta.get('seed')
    return seed if isinstance(seed, int) else None


def unreadable(path: str) -> str:
    """Say why no weights can be loaded from a file; '' if they can."""
    try:
        _read(Path(path))
    except ForeignTypesError:  # of another program, whose types torch may know
        return ''
    except ValueError as error:
        return f'load_from: {error}'
    return ''


def age(path: Path) -> tuple[float, int]:
    """Return a key of files by which later ones are greater."""
    numbers = re.findall(r'\d+', path.stem)
    return path.stat().st_mtime, int(numbers[-1]) if numbers else -1


def write_last_checkpoint(folder: Path, path: str) -> None:
    """Make ``folder / 'last_checkpoint'`` name ``path``, or change nothing.

    Raises:
        OSError: It can't be written.
    """
    part = folder / f'.{LAST}.part'
    try:
        with part.open('w', encoding='utf-8') as file:
            file.write(path)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / LAST)
        sync_folder(folder)
    except OSError as error:
        raise OSError(
            f"{folder / LAST} can't be written: {error.strerror or error}; "
            f'{path} is whole. Make space, or make the folder yours to write '
            'in, and go on with --resume'
        ) from error


def sync_folder(folder: Path) -> None:
    """Have the disk keep a rename in ``folder``."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _compare(path: Path, state: dict[str, Any], shapes: Shapes) -> None:
    """Refuse weights of another model, which MMEngine takes in part."""
    stored = {
        key.removeprefix('module.'): tuple(value.shape)
        for key, value in state.items()
        if isinstance(value, Tensor)
    }
    missing = [key for key in shapes if key not in stored]
    unknown = [key for key in stored if key not in shapes]
    other = [k for k in shapes if k in stored and shapes[k] != stored[k]]
    if missing or unknown or other:
        parts = {
            "lacks the config's": missing,
            'has, and the config has not,': unknown,
            'has in another shape': other,
        }
        raise ValueError(
            f'{path} is of another model: '
            + '; '.join(
                f'it {what} {listed(keys, 3)}'
                for what, keys in parts.items()
                if keys
            )
        )


def _read(path: Path) -> Any:
    """Return the content of a file, all of whose bytes are as written."""
    try:
        with path.expanduser().open('rb') as file:
            return load_content(file, path)[0]
    except OSError as error:
        reason = error.strerror or error
        raise WeightFileError(f"{path} can't be read: {reason}") from error
