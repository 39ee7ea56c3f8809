"""What a pickle may call, and how much it may ask for."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.raw_checkpoints import (
    BOTH_FORMATS,
    DATA,
    STORED,
    VALUES,
    Call,
    Stored,
    Write,
    pickled,
    records_of,
    view,
    zip_file,
    zipped,
)
from tests.support.weight_files import refused, tensors


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
