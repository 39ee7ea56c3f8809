"""No byte of a weight comes from outside its file."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.raw_checkpoints import (
    Call,
    Stored,
    legacy_file,
    pickled,
    records_of,
    view,
    zip_file,
    zipped,
)
from tests.support.weight_files import LEGACY, WEIGHTS, packed, refused, same
from uniformer_mm.weights.files import (
    WeightFileError,
    read_weights,
    write_weights,
)

VALUES = torch.arange(100.0)
DATA = VALUES.numpy().tobytes()
ALL = {'w': view()}
STORED = {'0': DATA}
BOTH_FORMATS = pytest.mark.parametrize('write', [zip_file, legacy_file])
Write = Callable[..., bytes]


def tensors(path: Path, content: bytes) -> dict[str, Tensor]:
    path.write_bytes(content)
    return read_weights(path).state


# --- storages


@BOTH_FORMATS
def test_a_file_written_by_hand(path: Path, write: Write) -> None:
    state = tensors(path, write(ALL, STORED))
    assert torch.equal(state['w'], VALUES)
    assert torch.equal(torch.load(path, weights_only=True)['w'], VALUES)


@BOTH_FORMATS
@pytest.mark.parametrize('missing', [1, 2, 3, 4, 5, 8, 200, 399, 400])
def test_a_storage_with_fewer_bytes(
    path: Path, write: Write, missing: int
) -> None:
    path.write_bytes(write({'w': view()}, {'0': DATA[:-missing]}))
    refused(path, "storage '0' must have 400 bytes|are longer than it")


@BOTH_FORMATS
def test_a_storage_with_more_bytes(path: Path, write: Write) -> None:
    path.write_bytes(write({'w': view()}, {'0': DATA + DATA}))
    refused(path, "storage '0' must have 400 bytes")


def test_a_storage_that_is_not_there(path: Path) -> None:
    path.write_bytes(zip_file({'w': view()}, {'1': DATA}))
    refused(path, 'is cut off, damaged .*a/data/0')
    path.write_bytes(legacy_file({'w': view()}, {'1': DATA}))
    refused(path, 'is damaged, or holds quantized')


@BOTH_FORMATS
@pytest.mark.parametrize(
    'numel', [-1, 99, 101, 1 << 20, 1 << 61, 1 << 62, 1 << 70, True, 1.5, '9']
)
def test_a_number_of_values_that_is_not_so(
    path: Path, write: Write, numel: Any
) -> None:
    whole = view(storage=Stored(numel=numel))
    path.write_bytes(write({'w': whole}, STORED))
    refused(path, 'damaged')


@BOTH_FORMATS
@pytest.mark.parametrize('key', [0, None, b'0', '../0', 'x' * 10_000, '\x1b['])
def test_a_key_that_is_none(path: Path, write: Write, key: Any) -> None:
    whole = view(storage=Stored(key=key))
    path.write_bytes(write({'w': whole}, STORED))
    message = refused(path, 'damaged')
    assert len(message) < 800
    assert message.isprintable()


@BOTH_FORMATS
@pytest.mark.parametrize(
    'second', [Stored(numel=50), Stored(kind=torch.IntStorage)]
)
def test_one_storage_of_two_kinds(
    path: Path, write: Write, second: Stored
) -> None:
    other = view(size=(50,), storage=second)
    path.write_bytes(write({'w': view(), 'v': other}, STORED))
    refused(path, "storage '0' has two sizes or types")


@pytest.mark.parametrize('options', [{}, LEGACY], ids=['zip', 'legacy'])
@pytest.mark.parametrize(
    'dtype',
    [
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
        torch.bool,
    ],
)
def test_every_type_of_number(
    path: Path, dtype: torch.dtype, options: dict[str, Any]
) -> None:
    base = torch.arange(24).reshape(4, 6).to(dtype)
    state = {
        'whole': base,
        'turned': base.t(),
        'part': base[1:, ::2],
        'repeated': base[0, :1].expand(7),
        'empty': base[4:],
        'one': base[2, 3],
    }
    whole = packed(state, **options)
    assert same(tensors(path, whole), state)
    # The last byte of a storage is missing, though the tensors need it.
    if options:
        path.write_bytes(whole[:-1])
    else:
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            records = {n: archive.read(n) for n in archive.namelist()}
        name = next(n for n in records if n.endswith('/data/0'))
        path.write_bytes(zipped({**records, name: records[name][:-1]}))
    refused(path, "storage '.*' must have")


# --- views of storages


@BOTH_FORMATS
@pytest.mark.parametrize(
    ('offset', 'size', 'stride'),
    [
        (1, (100,), (1,)),
        (0, (101,), (1,)),
        (100, (), ()),
        (0, (2, 2), (99, 1)),
        (0, (51,), (2,)),
        (50, (2, 1), (50, 1)),
        (1 << 62, (1,), (1,)),
        (1 << 70, (1,), (1,)),
        (0, (2,), (1 << 62,)),
        (0, (2,), (1 << 70,)),
        (0, (3, 3), (1 << 63, 1 << 63)),
        (-1, (2,), (1,)),
        (10, (2,), (-1,)),
        (0, (-1,), (1,)),
        (0, (2, 2), (1,)),
        (0, (1,) * 65, (1,) * 65),
        (0, (2.0,), (1,)),
        (0, (True,), (1,)),
        (0, [2], [1]),
        (None, (2,), (1,)),
        (0, (1 << 40, 1 << 40), (0, 0)),
        (0, (1 << 32, 1 << 32, 0), (0, 0, 1)),
    ],
)
def test_a_view_beyond_its_storage(
    path: Path, write: Write, offset: Any, size: Any, stride: Any
) -> None:
    path.write_bytes(write({'w': view(offset, size, stride)}, STORED))
    refused(path, 'is cut off, damaged or of an unusual format')


@BOTH_FORMATS
def test_views_that_share_a_storage(path: Path, write: Write) -> None:
    views = {
        'whole': view(),
        'end': view(99, (1,), (1,)),
        'square': view(0, (10, 10), (1, 10)),
        'same': view(3, (5, 4), (0, 1)),
        'none': view(100, (0, 3), (3, 1)),
    }
    state = tensors(path, write(views, STORED))
    assert same(state, torch.load(path, weights_only=True))
    assert (
        len(
            {
                value.untyped_storage().data_ptr()
                for value in state.values()
                if value.numel()
            }
        )
        == 1
    )


@BOTH_FORMATS
@pytest.mark.parametrize(
    'state',
    [
        {'w': view(0, (2_000_000_000,), (0,))},
        {f'w{i}': view(0, (1 << 20, 8), (0, 1)) for i in range(3)},
        # One tensor, which is copied for each key.
        dict.fromkeys(map(str, range(17)), view(0, (1 << 20,), (0,))),
    ],
    ids=['one', 'some', 'keys'],
)  # fmt: skip
def test_views_that_would_fill_the_memory(
    path: Path, write: Write, state: dict[str, Call]
) -> None:
    path.write_bytes(write(state, STORED))
    refused(path, 'of their own they take .* 16 times the 400 that are there')


# --- what a pickle may call


@BOTH_FORMATS
@pytest.mark.parametrize(
    'made',
    [
        Call(torch.Tensor, 9),
        Call(torch.FloatTensor, 9),
        Call(torch.storage.UntypedStorage, 9),
        Call(np.ndarray, (9,)),
        Call(np.zeros(1).__reduce__()[0], np.ndarray, (9,), 'f8'),
        Call(
            torch._utils._rebuild_device_tensor_from_numpy,
            Call(np.ndarray, (9,)),
            torch.float64,
            'cpu',
            False,
        ),
        Call(
            torch._utils._rebuild_wrapper_subclass,
            torch.Tensor,
            torch.float32,
            (9,),
            (1,),
            0,
            torch.strided,
            'cpu',
            False,
        ),
        Call(torch.nn.Parameter, view()),
    ],
    ids=range(8),
)
def test_what_torch_would_make_of_its_own_memory(
    path: Path, write: Write, made: Call
) -> None:
    path.write_bytes(write({'w': made, 'v': view()}, STORED))
    refused(path, 'expected tensors only, got w')


@BOTH_FORMATS
def test_a_tensor_that_is_set_to_another_view(
    path: Path, write: Write
) -> None:
    tensor = view(0, (1,), (1,))
    tensor.reduced = *tensor.reduced[:2], (Stored(), 0, (1 << 20,), (1,))
    path.write_bytes(write({'w': tensor}, STORED))
    refused(path, 'Tensor where another type must be')


def test_what_stands_around_tensors(path: Path) -> None:
    inner = view()
    content = OrderedDict(
        a=Call(torch._utils._rebuild_parameter, inner, True, OrderedDict()),
        b=Call(
            torch._tensor._rebuild_from_type_v2,
            torch._utils._rebuild_tensor_v2,
            torch.Tensor,
            inner.reduced[1],
            {'is_shared': True},
        ),
        c=Call(
            torch._utils._rebuild_tensor_v3,
            Stored(numel=400, kind=torch.UntypedStorage, key='1'),
            *(0, (100,), (1,), False, OrderedDict(), torch.float32),
        ),
        d=view(0, Call(torch.Size, (100,)), (1,)),
    )  # fmt: skip
    content._metadata = {'': {'version': 1}}  # type: ignore[attr-defined]
    state = tensors(path, zip_file(content, {'0': DATA, '1': DATA}))
    assert [*state] == ['a', 'b', 'c', 'd']
    assert all(torch.equal(value, VALUES) for value in state.values())


@pytest.mark.parametrize('metadata', [{'neg': True}, {'conj': True}])
def test_numbers_that_are_to_be_negated(path: Path, metadata: Any) -> None:
    function, args, _ = view().reduced
    content = {'w': Call(function, *args, metadata)}
    path.write_bytes(zip_file(content, STORED))
    refused(path, r'got w \(torch._utils._rebuild_tensor_v2')


def nested(depth: int) -> Any:
    key: Any = ()
    for _ in range(depth):
        key = (key, key)
    return key


@pytest.mark.parametrize(
    'data',
    [
        # Years to hash, for which C code has no end.
        pickled({})[:-1] + pickled(nested(60))[2:-1] + b'Nsu.',
        b'\x80\x02r\xff\xff\xff\xff.',  # keeps as number 2 ** 32 - 1
        b'\x80\x02h\x09.',
        b'\x80\x02\x8b\xff\xff\xff\x7f.',  # an int of 2 GiB
        b'\x80\x02X\xff\xff\xff\xffa.',  # a text of 4 GiB
        b'\x80\x02' + b'(' * 1_000_000 + b'.',
        b'\x80\x02' + b']' * 100_000 + b'a' * 99_999 + b'.',
        b'\x80\x02)\x81.',
        b'\x80\x02NQ.',
        b'\x80\x02}}}s.',
        b'\x80\x02e.',
        b'\x80\x02',
        b'',
        b'.',
    ],
    ids=range(14),
)
def test_a_pickle_that_asks_too_much(path: Path, data: bytes) -> None:
    path.write_bytes(zipped({**records_of(0, {}), 'a/data.pkl': data}))
    refused(path, 'of an unusual format|holds a|there are no weights')


# --- zip files


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


# --- the format before


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


# --- anything


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
