"""Text files with a class name per line, as options of several verbs."""

from __future__ import annotations

from pathlib import Path

__all__ = ['read_names']


def read_names(path: Path) -> list[str]:
    """Return the names, in the order of the file.

    Raises:
        OSError: The file can't be read.
        ValueError: It is no UTF-8 text.
    """
    try:
        return path.read_text(encoding='utf-8').strip().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is no UTF-8 text: {error}') from error
