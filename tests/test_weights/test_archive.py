"""No byte of a weight comes from outside its file."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.raw_checkpoints import (
    ALL,
    BOTH_FORMATS,
    DATA,
    STORED,
    VALUES,
    Write,
    legacy_file,
    records_of,
    view,
    zip_file,
    zipped,
)
from tests.support.weight_files import (
    LEGACY,
    WEIGHTS,
    packed,
    refused,
    tensors,
)
from uniformer_mm.weights.files import (
    WeightFileError,
    read_weights,
    write_weights,
)


def parts(**changes: Any) -> dict[str, bytes]:
    return {**records_of(ALL, STORED), **changes}


def patched(mark: bytes, at: int, new: bytes) -> bytes:
    """Change bytes of the last header that begins with ``mark``."""
    content = zipped(parts())
    start = content.rindex(mark) + at
    return content[:start] + new + content[start + len(new) :]


# 64 MiB of zeros, 70 kB as a file.
BOMB = zipped({**parts(), 'a/data/1': bytes(1 << 26)}, zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ('content', 'match'),
    [
        (zipped(parts(), zipfile.ZIP_DEFLATED), 'compressed or encryp'),
        (zipped(parts(), zipfile.ZIP_LZMA), 'compressed or encrypted'),
        (BOMB, 'compressed or encrypted'),
        (zipped(parts(b=b'')), "'b' is outside its folder 'a'"),
        (zipped(parts(**{'../b': b''})), 'is outside its folder'),
        (zipped(parts(**{'c/data.pkl': b''})), 'is outside its folder'),
        (zipped(parts(**{'a/byteorder': b'big'})), 'a big-endian machine'),
        (patched(b'PK\x01\x02', 8, b'\x01'), 'encrypted'),
        # Size, compressed and not, in the last entry of the directory.
        (
            patched(b'PK\x01\x02', 20, struct.pack('<LL', 1 << 20, 1 << 20)),
            'its records are longer',
        ),
        (
            patched(b'PK\x01\x02', 20, struct.pack('<LL', 40, 40)),
            'damaged',
        ),
        # Where the last record begins: at the first one.
        (
            patched(b'PK\x01\x02', 42, struct.pack('<L', 0)),
            'damaged',
        ),
        (patched(b'PK\x01\x02', 16, b'1234'), 'Bad CRC'),
        (patched(b'PK\x03\x04', 30, b'b'), 'damaged'),
        (patched(b'PK\x05\x06', 16, b'\xff' * 4), 'damage'),
        (zipped(parts())[:-5], 'damaged'),
    ],
    ids=range(15),
)  # fmt: skip
def test_a_zip_that_torch_does_not_write(
    path: Path, content: bytes, match: str
) -> None:
    path.write_bytes(content)
    refused(path, match)


@pytest.mark.filterwarnings('ignore:Duplicate name')
def test_two_records_of_one_name(path: Path) -> None:
    with zipfile.ZipFile(path, 'w') as archive:
        for name, data in parts().items():
            archive.writestr(name, data)
        archive.writestr('a/data/0', bytes(400))
    refused(path, 'two records of one name')


class Stream(io.RawIOBase):
    """Can't go back, so that sizes are written behind the records."""

    def __init__(self) -> None:
        self.content = b''

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.content += bytes(data)
        return len(data)


@pytest.mark.parametrize('zip64', [False, True])
def test_a_zip_of_another_form(path: Path, zip64: bool) -> None:
    stream = Stream()
    with zipfile.ZipFile(stream, 'w') as archive:
        for name, data in parts().items():
            with archive.open(name, 'w', force_zip64=zip64) as member:
                member.write(data)
    assert torch.equal(tensors(path, stream.content)['w'], VALUES)


@BOTH_FORMATS
@pytest.mark.parametrize(
    'more', [b'\0', bytes(100), None], ids=['byte', 'bytes', 'file']
)
def test_more_than_one_file(
    path: Path, write: Write, more: bytes | None
) -> None:
    """As two downloads in one: which of them would it be?"""
    other = write(ALL, {'0': bytes(len(DATA))})
    content = write(ALL, STORED)
    path.write_bytes(content + (other if more is None else more))
    refused(path, 'more bytes than its')


def test_bytes_before_a_zip(path: Path) -> None:
    content = zip_file(ALL, STORED)
    path.write_bytes(content[:30] + content)
    refused(path, 'more bytes than its zip archive')


def test_a_zip_with_a_comment(path: Path) -> None:
    content = zip_file(ALL, STORED)[:-2] + struct.pack('<H', 5) + b'hello'
    assert torch.equal(tensors(path, content)['w'], VALUES)


@pytest.mark.parametrize(
    ('content', 'match'),
    [
        (legacy_file(ALL, STORED, version=1000), 'version 1000'),
        (
            legacy_file(ALL, STORED, little_endian=False),
            'a big-endian machine',
        ),
        (
            legacy_file(ALL, STORED, itemsize=8),
            "storage '0' must have 400 bytes",
        ),
        (legacy_file(ALL, {**STORED, '1': DATA}), 'is damaged, or'),
        (legacy_file({'w': view()}, {}), 'are longer than it'),
        (
            legacy_file(ALL, STORED, view_of=('1', 50, 50)),
            'a storage is a view, as of torch before 0.4',
        ),
    ],
    ids=range(6),
)  # fmt: skip
def test_a_legacy_file_that_torch_does_not_write(
    path: Path, content: bytes, match: str
) -> None:
    path.write_bytes(content)
    refused(path, match)


def whole_file(path: Path, kind: str) -> bytes:
    if kind == 'safetensors':
        pytest.importorskip('safetensors')
        target = path.with_suffix('.safetensors')
        write_weights(WEIGHTS, target, meta={'head_dim': 32})
        return target.read_bytes()
    if kind == 'unchecked':
        if not hasattr(torch.serialization, 'set_crc32_options'):
            pytest.skip('torch always writes them here')
        torch.serialization.set_crc32_options(False)
        try:
            return packed(WEIGHTS)
        finally:
            torch.serialization.set_crc32_options(True)
    return packed(WEIGHTS, **(LEGACY if kind == 'legacy' else {}))


@pytest.mark.parametrize('kind', ['zip', 'unchecked', 'legacy', 'safetensors'])
def test_changed_bits_and_cuts(path: Path, kind: str) -> None:
    whole = whole_file(path, kind)
    path.write_bytes(whole)
    assert read_weights(path).checked == (kind in ('zip', 'safetensors'))
    rng = random.Random(0)
    refusals = 0
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(rng.choice((1, 1, 4))):
            changed[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.2:
            del changed[rng.randrange(len(whole)) :]
        path.write_bytes(changed)
        try:
            first, second = read_weights(path), read_weights(path)
        except WeightFileError:
            refusals += 1
            continue
        # Memory that is not of the file would differ.
        assert by_key(first.state) == by_key(second.state)
        if first.checked:
            assert by_key(first.state) == by_key(WEIGHTS)
    assert refusals > 100


def by_key(state: dict[str, Tensor]) -> dict[str, tuple[torch.dtype, Any]]:
    return {key: (value.dtype, value.tolist()) for key, value in state.items()}
