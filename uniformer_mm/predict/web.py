"""Inputs from the web: one file, up to a size."""

from __future__ import annotations

import http.client
import time
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from uniformer_mm.weights.http import SafeRedirects

__all__ = ['MAX_BYTES', 'download']

MAX_BYTES = 256 << 20
"""Bytes above which a file is not read."""

TIMEOUT = 30.0  # seconds without an answer
SLOWEST = 4096  # bytes per second, on the whole, after that time


def download(url: str) -> bytes:
    """Return what an address holds.

    Args:
        url: http or https.

    Raises:
        ValueError: No connection, an error of the server, a web page in place
            of a file, more than ``MAX_BYTES``, less than announced, too slow,
            or a redirection to what is neither http nor https.
    """
    request = Request(url, headers={'User-Agent': 'uniformer-mm'})
    try:
        opener = build_opener(SafeRedirects)
        with opener.open(request, timeout=TIMEOUT) as answer:
            if answer.headers.get_content_type() == 'text/html':
                raise ValueError('the address holds a web page, not a file')
            return _read(answer)
    except HTTPError as error:
        reason = ' '.join(str(error.reason).split())
        raise ValueError(
            f'the server answers {error.code} {reason}'
        ) from error
    except URLError as error:
        raise ValueError(f'no connection: {error.reason}') from error
    except (OSError, http.client.HTTPException) as error:
        raise ValueError(f'the connection broke: {error}') from error


def _read(answer: http.client.HTTPResponse) -> bytes:
    content = bytearray()
    start = time.monotonic()
    while part := answer.read1(1 << 16):
        content += part
        if len(content) > MAX_BYTES:
            raise ValueError(f'the file has more than {MAX_BYTES >> 20} MiB')
        # An answer that drips never runs out of time by itself.
        passed = time.monotonic() - start
        if passed > TIMEOUT and len(content) < SLOWEST * passed:
            raise ValueError(
                f'the server gave {len(content)} bytes in {passed:.0f} s'
            )
    if answer.length:
        raise ValueError(f'the connection broke: {answer.length} bytes lack')
    return bytes(content)
