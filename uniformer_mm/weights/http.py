"""One HTTP transfer: resumed, bounded, checked, and whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from uniformer_mm.weights.messages import tell
from uniformer_mm.weights.part import (
    locked,
    note_version,
    noted_version,
    release,
)

__all__ = ['SafeRedirects', 'transfer']

TIMEOUT = 30.0
"""Seconds without an answer after which a download has failed."""

SLOWEST = 4096
"""Bytes per second below which, after ``TIMEOUT``, it has failed, too."""

LARGEST = 4 << 30
"""Bytes of a file whose size is not known; the official ones have < 1 GB."""

CHUNK = 1 << 20
"""Bytes read at a time, at most."""


def transfer(
    url: str,
    target: Path,
    find_fault: Callable[[Path], str],
    *,
    progress: bool,
    size: int = 0,
    replace: bool = False,
) -> None:
    """Write ``target`` from ``url``.

    What arrived before a failure stays in a ``.part`` beside ``target``, and
    the next call continues there, if the server has the same file still.
    Several processes may call this at once: one downloads, the others wait
    for it.

    Args:
        url: Address, http or https.
        target: File to make; its folder exists.
        find_fault: Says what is wrong with the downloaded file, '' if nothing.
        progress: Show a bar on stderr.
        size: Bytes that it must have; 0 if that is not known.
        replace: Download what is there already, from its beginning.

    Raises:
        OSError: No connection, an HTTP error, a web page in place of a file, a
            connection that broke or hardly moves, more bytes than there can
            be, or a disk that can't be written.
        ValueError: ``find_fault`` found one; the download is removed.
    """
    if target.exists() and not target.is_file():
        raise OSError(f'{target} is no plain file, and is not replaced')
    # The address is in the name, so that a mirror never continues the file of
    # another host.
    key = hashlib.sha256(url.encode()).hexdigest()[:8]
    part = target.with_name(f'{target.name}.{key}.part')
    with locked(part) as file:
        try:
            if replace:
                file.truncate(0)
            if replace or not target.is_file():  # no other process was faster
                _receive(url, part, file, size or LARGEST, progress)
                fault = find_fault(part)
                if fault:
                    file.truncate(0)
                    raise ValueError(f'what {url} sent was removed: {fault}')
                release(file)
                os.replace(part, target)
        except http.client.HTTPException as error:
            reason = str(error) or type(error).__name__
            raise OSError(f'broken answer: {reason}') from error
        finally:
            release(file)
            if part.exists() and not part.stat().st_size:
                part.unlink()
            if not part.exists():
                note_version(part, '')


class SafeRedirects(HTTPRedirectHandler):
    """Follows to http and https, and never from https to http."""

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> Request | None:
        """Return the next request, of urllib's own making.

        Raises:
            OSError: It would go elsewhere.
        """
        scheme = urlsplit(newurl).scheme
        if scheme != 'https' and (req.type, scheme) != ('http', 'http'):
            raise OSError(
                f'the server sends from {req.type} on to {scheme}, which is '
                f'not followed: {newurl!r:.200}'
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _receive(
    url: str, part: Path, file: BinaryIO, limit: int, progress: bool
) -> None:
    """Append to ``file`` what it lacks of ``url``."""
    done = os.fstat(file.fileno()).st_size
    headers = {'User-Agent': 'uniformer-mm', 'Accept-Encoding': 'identity'}
    version = noted_version(part) if done else ''
    if version:
        headers |= {'Range': f'bytes={done}-', 'If-Range': version}
    try:
        opener = build_opener(SafeRedirects)
        response = opener.open(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code != 416 or not version:
            raise
        # We have more than there is: it was replaced by another file.
        file.truncate(0)
        _receive(url, part, file, limit, progress)
        return
    with response:
        _check_kind(response)
        if response.status != 206:  # all of it, whatever we asked for
            file.truncate(0)
            done = 0
            note_version(part, _version(response))
        elif not _continues(response, done, version):
            file.truncate(0)
            raise OSError('the server continues elsewhere, or another file')
        length = response.headers.get('Content-Length', '')
        total = done + int(length) if length.isdecimal() else None
        if total is not None and total > limit:
            file.truncate(0)
            raise OSError(f'it has {total} bytes, expected {limit} at most')
        with _bar(progress, url.rpartition('/')[-1], total, done) as advance:
            for chunk in _chunks(response):
                done += len(chunk)
                if done > limit:
                    file.truncate(0)
                    raise OSError(f'it has more than {limit} bytes')
                file.write(chunk)
                file.flush()
                advance(len(chunk))
    # A cut connection looks like the end of the file.
    if total is not None and done != total:
        raise OSError(
            f'the connection broke after {done} of {total} bytes; the next '
            'try continues there'
        )


def _check_kind(response: Any) -> None:
    """Refuse an answer that is not the file itself."""
    if response.headers.get_content_type() == 'text/html':
        raise OSError('the answer is a web page, not a file')
    encoding = response.headers.get('Content-Encoding', 'identity')
    if encoding.lower() != 'identity':
        raise OSError(f'the answer is encoded as {encoding!r:.40}')


def _version(response: Any) -> str:
    """Return what tells this file from another one of its address."""
    tag: str = response.headers.get('ETag', '')
    # Files with the same weak tag are only alike.
    if tag and not tag.startswith('W/'):
        return tag
    date: str = response.headers.get('Last-Modified', '')
    return date


def _continues(response: Any, done: int, version: str) -> bool:
    """Say whether an answer is the rest of the file that was begun."""
    span = response.headers.get('Content-Range', '')
    found = re.fullmatch(r'bytes (\d+)-(\d+)/(\d+)', span.strip())
    if not found or version != _version(response):
        return False
    first, last, total = map(int, found.groups())
    return first == done and last == total - 1


def _chunks(response: Any) -> Iterator[bytes]:
    """Yield what arrives, as it arrives, as long as that is not too slow."""
    start, received = time.monotonic(), 0
    # Not ``read``, which waits for a whole chunk and loses the last one.
    while chunk := response.read1(CHUNK):
        yield chunk
        received += len(chunk)
        seconds = time.monotonic() - start
        if seconds > TIMEOUT and received < SLOWEST * seconds:
            raise OSError(
                f'only {received} bytes came in {seconds:.0f} s; the next try '
                'continues there'
            )


@contextlib.contextmanager
def _bar(
    progress: bool, name: str, total: int | None, done: int
) -> Iterator[Callable[[int], None]]:
    """Show a bar; without rich, as where the models alone are used, log it.

    Yields:
        Callable: To be called with the number of bytes that came.
    """
    try:
        from rich import progress as rich
        from rich.console import Console
    except ModuleNotFoundError:
        if progress:
            tell(f'downloading {name} ({total} bytes)')
        yield lambda _: None
        return
    with rich.Progress(
        '{task.description}',
        rich.BarColumn(),
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
        rich.TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not progress,
    ) as bar:
        yield partial(bar.advance, bar.add_task(name, True, total, done))
