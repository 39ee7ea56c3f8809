"""What is to be looked at: inputs of all kinds, found and named.

Names are unique, relative and with ``/``: paths below the folder that all
inputs share, so that results can be written under them.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from PIL import Image

from uniformer_mm.predict.video import VIDEO_SUFFIXES

__all__ = [
    'PICTURE_SUFFIXES',
    'Source',
    'find_sources',
    'frames_in',
]

PICTURE_SUFFIXES = (
    '.avif',
    '.bmp',
    '.gif',
    '.jpeg',
    '.jpg',
    '.png',
    '.tif',
    '.tiff',
    '.webp',
)
SINGLE = (str, os.PathLike, int, np.ndarray, Image.Image)
NO_LISTS = (bytes, Mapping)  # though they can be iterated
GLOB = '*?['


@dataclass(frozen=True)
class Source:
    """One input, not opened yet.

    Attributes:
        name (str): See above.
        kind (str): 'picture', 'video', 'camera', 'frames' (a folder of
            pictures that are one clip), 'url', 'memory', or 'none' if there
            is no such input.
        value (Any): Path, address, number of the camera, array or PIL image.
        error (str): Why there is no such input; '' if there is.
    """

    name: str
    kind: str
    value: Any
    error: str = ''


def find_sources(inputs: Any, *, clips: bool) -> Iterable[Source]:
    """Find all that inputs stand for; nothing is opened.

    Args:
        inputs: A file, a folder (with all below it), a glob, a URL, a camera
            number, an array, a PIL image; a list or another iterable of
            these, which is not read ahead.
        clips: Look for clips, not pictures: videos, or where there are none
            each folder of pictures is one.

    Returns:
        Iterable: A list, if inputs are one or a list. What is not there is a
        source with an error.

    Raises:
        TypeError: ``inputs`` is none of these.
    """
    if isinstance(inputs, SINGLE) and not isinstance(inputs, bool):
        inputs = [inputs]
    if not isinstance(inputs, Iterable) or isinstance(inputs, NO_LISTS):
        raise TypeError(
            'inputs must be paths, URLs, camera numbers, arrays or PIL '
            f'images, got {type(inputs).__name__}'
        )
    finder = _Finder(clips)
    if not isinstance(inputs, Sequence):
        return finder.each(inputs)
    finder.base = _common_folder(inputs)
    return list(finder.each(inputs))


class _Finder:
    """Names inputs one after the other.

    Attributes:
        base: Folder that names start from, if it is known.
    """

    def __init__(self, clips: bool) -> None:
        self.clips = clips
        self.base: Path | None = None
        self._names: set[str] = set()
        self._paths: set[str] = set()

    def each(self, inputs: Iterable[Any]) -> Iterator[Source]:
        for index, value in enumerate(inputs):
            if isinstance(value, int) and not isinstance(value, bool):
                yield Source(f'camera-{value}', 'camera', value)
            elif isinstance(value, (str, os.PathLike)):
                yield from self._of_text(os.fspath(value))
            else:
                name = getattr(value, 'filename', '') or f'input-{index:06}'
                yield Source(self._unique(Path(name).name), 'memory', value)

    def _of_text(self, text: str) -> Iterator[Source]:
        path = Path(text).expanduser()
        if not text:  # it would be the working folder
            yield self._none('(empty)', 'an input must not be empty')
        elif text.lower().startswith(('http://', 'https://')):
            try:
                name = _name_of_url(text)
            except ValueError as error:
                yield self._none(text, f'it is no URL: {error}')
                return
            yield Source(self._unique(name), 'url', text)
        elif path.is_dir():
            yield from self._of_folder(path)
        elif path.is_file():
            yield from self._of_files([path])
        elif text.isdecimal():
            yield Source(f'camera-{text}', 'camera', int(text))
        elif any(sign in text for sign in GLOB):
            found = sorted(glob.glob(str(path), recursive=True))
            files = [Path(name) for name in found if Path(name).is_file()]
            if not files:
                yield self._none(text, 'no file fits this pattern')
            yield from self._of_files(files)
        elif '://' in text:
            yield self._none(text, 'a URL must start with http or https')
        elif path.exists():
            yield self._none(text, 'it is neither a file nor a folder')
        else:
            yield self._none(text, 'there is no such file or folder')

    def _of_folder(self, folder: Path) -> Iterator[Source]:
        files = sorted(
            path
            for path in folder.rglob('*')
            # Not pipes, which would be waited for; but links to nowhere.
            if (path.is_file() or path.is_dir() or path.is_symlink())
            and not any(
                part.startswith('.') for part in path.relative_to(folder).parts
            )
        )
        known = (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES)
        wanted = VIDEO_SUFFIXES if self.clips else known
        found = [
            path
            for path in files
            if path.suffix.lower() in wanted and not path.is_dir()
        ]
        if self.clips and not found:
            parts = [folder, *(path for path in files if path.is_dir())]
            clips = [path for path in parts if frames_in(path)]
            for path in clips:
                name = self._unique(self._relative(path) or path.name)
                yield Source(name, 'frames', path)
            if clips:
                return
        if not found:
            ends = ', '.join(wanted)
            yield self._none(str(folder), f'no file in it ends in {ends}')
        yield from self._of_files(found)

    def _of_files(self, paths: Iterable[Path]) -> Iterator[Source]:
        for path in paths:
            real = os.path.realpath(path)  # of a loop of links too
            if real in self._paths:  # given twice, as by a folder and a glob
                continue
            self._paths.add(real)
            video = path.suffix.lower() in VIDEO_SUFFIXES
            name = self._unique(self._relative(path) or path.name)
            yield Source(name, 'video' if video else 'picture', path)

    def _none(self, text: str, error: str) -> Source:
        return Source(self._unique(text), 'none', text, error)

    def _relative(self, path: Path) -> str:
        real = Path(os.path.abspath(path))
        if self.base is None or real == self.base:
            return ''
        return real.relative_to(self.base).as_posix()

    def _unique(self, name: str) -> str:
        """Return the name, or the first like it that is free."""
        path = PurePosixPath(name)
        free, number = name, 2
        while free in self._names:
            free = str(path.with_name(f'{path.stem}-{number}{path.suffix}'))
            number += 1
        self._names.add(free)
        return free


def frames_in(folder: Path) -> list[Path]:
    """The pictures right in a folder, in any order."""
    return [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES
        and not path.name.startswith('.')
    ]


def _name_of_url(url: str) -> str:
    parts = urlsplit(url)
    path = PurePosixPath(unquote(parts.path))
    inner = [part for part in path.parts if part not in ('/', '..', '.')]
    return '/'.join([parts.hostname or 'web', *inner])


def _common_folder(inputs: Sequence[Any]) -> Path | None:
    """Return the folder that all given files and folders are in."""
    folders = []
    for value in inputs:
        if not isinstance(value, (str, os.PathLike)):
            continue
        if not os.fspath(value) or '://' in os.fspath(value):
            continue
        path = Path(os.path.abspath(Path(value).expanduser()))
        if path.is_dir():
            folders.append(path)
        elif path.is_file():
            folders.append(path.parent)
        elif any(sign in os.fspath(value) for sign in GLOB):
            fixed = path
            while any(sign in str(fixed) for sign in GLOB):
                fixed = fixed.parent
            folders.append(fixed)
    try:
        return Path(os.path.commonpath(folders)) if folders else None
    except ValueError:  # several drives of Windows
        return None
