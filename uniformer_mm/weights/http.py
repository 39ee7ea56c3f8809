"""One HTTP transfer: resumed, checked, and whole or not there."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

__all__ = ['transfer']

TIMEOUT = 30.0
"""Seconds without an answer after which a download has failed."""

CHUNK = 1 << 20
"""Bytes read at a time."""


def transfer(
    url: str,
    target: Path,
    find_fault: Callable[[Path], str],
    *,
    progress: bool,
) -> None:
    """Write ``target`` from ``url``.

    What arrived before a failure stays in a ``.part`` beside ``target``, and
    the next call continues there. Several processes may call this at once:
    one downloads, the others wait for it.

    Args:
        url: Address, http or https.
        target: File to make; its folder exists.
        find_fault: Says what is wrong with the downloaded file, '' if nothing.
        progress: Show a bar on stderr.

    Raises:
        OSError: No connection, an HTTP error, a web page in place of a file, a
            connection that broke, or a disk that can't be written.
        ValueError: ``find_fault`` found one; the download is removed.
    """
    # The address is in the name, so that a mirror never continues the file of
    # another host.
    key = hashlib.sha256(url.encode()).hexdigest()[:8]
    part = target.with_name(f'{target.name}.{key}.part')
    with _locked(part) as file:
        try:
            if not target.is_file():  # no other process was faster
                _receive(url, file, progress=progress)
                fault = find_fault(part)
                if fault:
                    file.truncate(0)
                    raise ValueError(f'what {url} sent was removed: {fault}')
                _release(file)
                os.replace(part, target)
        except http.client.HTTPException as error:
            reason = str(error) or type(error).__name__
            raise OSError(f'broken answer: {reason}') from error
        finally:
            _release(file)
            if part.exists() and not part.stat().st_size:
                part.unlink()


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` to append; no other process has it until it is closed.

    There is no such lock on Windows.
    """
    while True:
        with path.open('ab') as file:
            if sys.platform != 'win32':
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, path):
                yield file
                return


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Say whether ``file`` was neither renamed nor removed while we waited."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _release(file: BinaryIO) -> None:
    """Close ``file`` where open files can't be renamed.

    Elsewhere that would end the lock too early.
    """
    if sys.platform == 'win32':
        file.close()


def _receive(url: str, file: BinaryIO, *, progress: bool) -> None:
    """Append to ``file`` what it lacks of ``url``."""
    done = os.fstat(file.fileno()).st_size
    headers = {'User-Agent': 'uniformer-mm'}
    if done:
        headers['Range'] = f'bytes={done}-'
    try:
        response = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code != 416 or not done:
            raise
        # We have more than there is: it was replaced by another file.
        file.truncate(0)
        _receive(url, file, progress=progress)
        return
    with response:
        if response.headers.get_content_type() == 'text/html':
            raise OSError('the answer is a web page, not a file')
        if response.status != 206:  # all of it, whatever we asked for
            file.truncate(0)
            done = 0
        elif not response.headers.get('Content-Range', '').startswith(
            f'bytes {done}-'
        ):
            file.truncate(0)
            raise OSError('the server continues elsewhere in the file')
        length = response.headers.get('Content-Length')
        total = done + int(length) if length else None
        with _bar(progress) as bar:
            name = url.rpartition('/')[-1]
            task = bar.add_task(name, total=total, completed=done)
            while chunk := response.read(CHUNK):
                file.write(chunk)
                file.flush()
                done += len(chunk)
                bar.advance(task, len(chunk))
    # A cut connection looks like the end of the file.
    if total is not None and done != total:
        raise OSError(
            f'the connection broke after {done} of {total} bytes; the next '
            'try continues there'
        )


def _bar(progress: bool) -> Progress:
    return Progress(
        '{task.description}',
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not progress,
    )
