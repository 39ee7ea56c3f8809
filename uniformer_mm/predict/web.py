"""Inputs from the web: one file, up to a size."""

from __future__ import annotations

import http.client
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from uniformer_mm.weights.http import SafeRedirects

__all__ = ['MAX_BYTES', 'download']

MAX_BYTES = 256 << 20
"""Bytes above which a file is not read."""

TIMEOUT = 30.0  # seconds without an answer


def download(url: str) -> bytes:
    """Return what an address holds.

    Args:
        url: http or https.

    Raises:
        ValueError: No connection, an error of the server, a web page in place
            of a file, more than ``MAX_BYTES``, or a redirection to what is
            neither http nor https.
    """
    request = Request(url, headers={'User-Agent': 'uniformer-mm'})
    try:
        opener = build_opener(SafeRedirects)
        with opener.open(request, timeout=TIMEOUT) as answer:
            if answer.headers.get_content_type() == 'text/html':
                raise ValueError('the address holds a web page, not a file')
            content: bytes = answer.read(MAX_BYTES + 1)
    except HTTPError as error:
        raise ValueError(
            f'the server answers {error.code} {error.reason}'
        ) from error
    except URLError as error:
        raise ValueError(f'no connection: {error.reason}') from error
    except (OSError, http.client.HTTPException) as error:
        raise ValueError(f'the connection broke: {error}') from error
    if len(content) > MAX_BYTES:
        raise ValueError(f'the file has more than {MAX_BYTES >> 20} MiB')
    return content
