"""Files below a folder, and what they say."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ['PICTURES', 'files_below', 'picture_size', 'utf8_text']

PICTURES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')


def files_below(root: Path, endings: Iterable[str]) -> list[str]:
    """Paths below a folder, with '/', sorted; hidden ones are left out."""
    wanted = tuple(endings)
    found = []
    for place, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith('.'))
        found += [
            Path(place, name).relative_to(root).as_posix()
            for name in names
            if name.lower().endswith(wanted) and not name.startswith('.')
        ]
    return sorted(found)


def utf8_text(path: Path) -> str:
    """The text of a file in UTF-8, without a mark at its beginning.

    Raises:
        ValueError: It is in another encoding; the message names the file.
    """
    try:
        return path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} must be text in UTF-8: {error}') from error


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) as the picture is read, from its header.

    Raises:
        ValueError: It is no picture; the message names it.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(0x0112, 1)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path} can't be read: {error}") from error
    return (height, width) if turned in (5, 6, 7, 8) else (width, height)
