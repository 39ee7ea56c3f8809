"""The file of an unfinished download: one process has it, and it is ours.

Beside it lies what the server calls the version that it is the beginning of,
so that it is never continued with another one.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ['locked', 'note_version', 'noted_version', 'release']

# Neither through a link of somebody else's, nor waiting for a pipe.
_OWN = getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_NONBLOCK', 0)
_VERSION = re.compile(r'[\x20-\x7e]{1,200}')


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` to append; no other process has it until it is closed.

    There is no such lock on Windows.

    Raises:
        OSError: It can't be written, or it is not a plain file that has this
            one name.
    """
    while True:
        with _open(path, 'a') as file:
            if sys.platform != 'win32':
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, path):
                yield file
                return


def release(file: BinaryIO) -> None:
    """Close ``file`` where open files can't be renamed.

    Elsewhere that would end the lock too early.
    """
    if sys.platform == 'win32':
        file.close()


def note_version(path: Path, version: str) -> None:
    """Keep beside ``path`` of which version it is; '' if that is not known."""
    note = _note(path)
    note.unlink(missing_ok=True)
    if _VERSION.fullmatch(version):
        with note.open('x', encoding='ascii') as file:
            file.write(version)


def noted_version(path: Path) -> str:
    """Return the version that was noted for ``path``, '' if none was."""
    try:
        with _open(_note(path), 'r') as file:
            version = file.read(201).decode('ascii', 'replace')
    except FileNotFoundError:
        return ''
    return version if _VERSION.fullmatch(version) else ''


def _note(path: Path) -> Path:
    return path.with_name(f'{path.name}.version')


def _open(path: Path, mode: str) -> BinaryIO:
    """Open a file of bytes that nobody else has another name for."""
    try:
        file = open(path, f'{mode}b', opener=_open_own)  # noqa: SIM115
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise OSError(f'{path} is no plain file: remove it') from error
        raise
    facts = os.fstat(file.fileno())
    # None has been left when another process has just renamed it.
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
        file.close()
        raise OSError(f'{path} is no plain file of one name: remove it')
    return file  # type: ignore[return-value]


def _open_own(path: str, flags: int) -> int:
    return os.open(path, flags | _OWN, 0o666)


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Say whether ``file`` was neither renamed nor removed while we waited."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
