"""What a source of weights is: a URL, and its file name, or else a path."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

__all__ = ['name_of', 'path_of', 'scheme_of']


def scheme_of(source: str) -> str:
    """Return the scheme of a URL, '' for names and paths.

    Raises:
        ValueError: A scheme that is not supported.
    """
    scheme, mark, _ = source.partition('://')
    if not mark:
        return ''
    if scheme.lower() not in ('http', 'https', 'file'):
        raise ValueError(
            f'a URL must start with http, https or file, got {source!r}'
        )
    return scheme.lower()


def path_of(source: str) -> Path:
    """Return the path that a path or a ``file://`` URL means."""
    if scheme_of(source):
        return Path(url2pathname(urlsplit(source).path))
    return Path(source)


def name_of(url: str) -> str:
    """Return the file name that a URL ends in.

    Raises:
        ValueError: It is none, or no plain one: this becomes a path here.
    """
    name = unquote(urlsplit(url).path).rpartition('/')[-1]
    if not re.fullmatch(r'\w[\w.+ -]*', name):
        raise ValueError(f'a URL must end in a file name, got {url!r}')
    return name
