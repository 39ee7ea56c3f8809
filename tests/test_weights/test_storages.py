"""No byte of a weight comes from outside its storage."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.raw_checkpoints import (
    ALL,
    BOTH_FORMATS,
    DATA,
    STORED,
    VALUES,
    Call,
    Stored,
    Write,
    legacy_file,
    view,
    zip_file,
    zipped,
)
from tests.support.weight_files import LEGACY, packed, refused, same, tensors


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
