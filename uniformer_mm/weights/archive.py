"""The two formats of ``torch.save``, with every byte where it says it is.

The zip of torch 1.6 and later has a pickle and a record for each storage. The
format before that has five pickles and then the storages. A storage whose size
is not that of its bytes is refused, as is anything in a file that could be
understood in two ways.
"""

from __future__ import annotations

import os
import zipfile
from io import BufferedReader
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.weights.storages import Storages
from uniformer_mm.weights.unpickle import load_pickle

__all__ = ['LEGACY', 'ZIP', 'ArchiveError', 'load_legacy', 'load_zip']

ZIP = b'PK\x03\x04'
"""How a zip file begins."""

LEGACY = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'
"""The first pickle of torch's format before 1.6, its magic number."""

LENGTH_OF_END = 22  # of the end of a zip archive, without its comment
BIG_ENDIAN = (
    'was written on a big-endian machine: load it there with torch.load, and '
    'save it with byte order little'
)


class ArchiveError(ValueError):
    """A file is not as torch.save writes it: says what it is, what to do."""


def load_zip(file: BufferedReader) -> tuple[Any, bool]:
    """Return the content of a zip file of torch.save.

    Returns:
        content: Tensors, plain data and placeholders.
        checked: Whether its records have checksums, which then held; torch
            can be told to leave them out.

    Raises:
        ArchiveError: It is damaged, or something else.
        Exception: As ``load_pickle``.
    """
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    folder = _check_members(members, _size(file))
    _check_alone(file, members, archive.comment)
    checked = any(member.CRC for member in members)
    for member in members if not checked else ():
        # So that zipfile has nothing to compare with.
        del member.CRC
    unread = {member.filename: member for member in members}

    def take(name: str) -> bytes:
        try:
            return archive.read(unread.pop(name))
        except zipfile.BadZipFile as error:
            raise ArchiveError(
                f'is damaged ({error!s:.200}); fetch it again'
            ) from error

    def read(key: str, size: int) -> Tensor:
        name = f'{folder}/data/{key}'
        there = unread[name].file_size
        if there != size:
            raise ArchiveError(
                f'is damaged: storage {key[:40]!r} must have {size} bytes, '
                f'and has {there}; fetch it again'
            )
        return _tensor(bytearray(take(name)))

    order = f'{folder}/byteorder'
    if order in unread and take(order) != b'little':
        raise ArchiveError(BIG_ENDIAN)
    content = load_pickle(take(f'{folder}/data.pkl'), Storages(read))
    for name in list(unread):
        take(name)
    return content, checked


def _check_members(members: list[zipfile.ZipInfo], size: int) -> str:
    """Return the folder in a zip of torch.save, refuse other ones."""
    names = [member.filename for member in members]
    pickles = [name for name in names if name.endswith('/data.pkl')]
    if not pickles:
        shown = ', '.join(f'{name[:80]!r}' for name in names[:8])
        raise ArchiveError(
            f'is a zip archive of {shown or "nothing"}, not a file of '
            'torch.save; if a weight file is inside, unpack it'
        )
    folder = pickles[0].removesuffix('/data.pkl')
    if any(name.endswith('/constants.pkl') for name in names):
        raise ArchiveError(
            'is a TorchScript program, not weights. If you trust its origin: '
            'torch.save(torch.jit.load(path).state_dict(), new_path)'
        )
    outside = [n for n in names if not n.startswith(f'{folder}/')]
    if outside:
        raise ArchiveError(
            f'is no file of torch.save: {outside[0][:80]!r} is outside its '
            f'folder {folder[:80]!r}'
        )
    if len(set(names)) < len(names):
        raise ArchiveError(
            'is damaged: it has two records of one name; fetch it again'
        )
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            raise ArchiveError(
                f'is no file of torch.save: {member.filename[:80]!r} is '
                'compressed or encrypted; pack it anew without'
            )
    if sum(member.file_size for member in members) > size:
        raise ArchiveError(
            'is cut off or damaged: its records are longer; fetch it again'
        )
    return folder


def _check_alone(
    file: BufferedReader, members: list[zipfile.ZipInfo], comment: bytes
) -> None:
    """Refuse a file with bytes before or behind the archive.

    Of two archives in one file, one would be taken without a word.
    """
    end = b'PK\x05\x06'
    file.seek(-len(comment) - LENGTH_OF_END, os.SEEK_END)
    whole = file.read(len(end)) == end
    if not whole or min(member.header_offset for member in members):
        raise ArchiveError(
            'is damaged, or several files in one: it has more bytes than its '
            'zip archive; fetch it again'
        )


def load_legacy(file: BufferedReader) -> Any:
    """Return the content of a file in torch's format before 1.6.

    Raises:
        ArchiveError: It is damaged, or needs what is not read.
        Exception: As ``load_pickle``.
    """
    _magic, version, system = (load_pickle(file) for _ in range(3))
    if version != 1001:
        raise ArchiveError(f'has version {version!r:.40}, expected 1001')
    if not system['little_endian']:
        raise ArchiveError(BIG_ENDIAN)
    left = _size(file)
    buffers: dict[str, bytearray] = {}

    def read(key: str, nbytes: int) -> Tensor:
        nonlocal left
        left -= nbytes
        if left < 0:
            raise ArchiveError(
                'is cut off or damaged: its storages are longer than it; '
                'fetch it again'
            )
        # Its bytes come at the end of the file.
        buffers[key] = bytearray(nbytes)
        return _tensor(buffers[key])

    storages = Storages(read)
    content = load_pickle(file, storages)
    keys = load_pickle(file)
    if sorted(keys) != sorted(buffers):
        raise ArchiveError(
            'is damaged, or holds quantized tensors: save it without those'
        )
    for key in keys:
        buffer, itemsize = buffers[key], storages.known[key].dtype.itemsize
        nbytes = int.from_bytes(file.read(8), 'little') * itemsize
        if nbytes != len(buffer) or file.readinto(buffer) != nbytes:
            raise ArchiveError(
                f'is cut off or damaged: storage {key[:40]!r} must have '
                f'{len(buffer)} bytes; fetch it again'
            )
    if file.read(1):
        raise ArchiveError(
            'is damaged, or several files in one: it has more bytes than its '
            'storages; fetch it again'
        )
    return content


def _size(file: BufferedReader) -> int:
    return os.fstat(file.fileno()).st_size


def _tensor(content: bytearray) -> Tensor:
    """Return a flat uint8 tensor that is these very bytes."""
    if not content:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(content, dtype=torch.uint8)
