"""Damages files as disks, downloads and people do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np


def _empty(path: Path) -> None:
    path.write_bytes(b'')


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _text(path: Path) -> None:
    path.write_text('<html>404</html>')


def _missing(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _other_size(path: Path) -> None:
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    _write(path, cv2.resize(read, (48, 40), interpolation=cv2.INTER_NEAREST))


def _colours(path: Path) -> None:
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    _write(path, np.stack([read, read + 1, read], axis=2))


def _high(path: Path) -> None:
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    read[:4, :4] = 77
    _write(path, read)


def _write(path: Path, picture: np.ndarray) -> None:
    done, data = cv2.imencode(path.suffix, picture)
    assert done
    path.write_bytes(data.tobytes())


DAMAGE: dict[str, Callable[[Path], None]] = {
    'empty': _empty,
    'cut': _cut,
    'text': _text,
    'missing': _missing,
    'folder': _folder,
    'other size': _other_size,
    'colours': _colours,
    'high': _high,
}
