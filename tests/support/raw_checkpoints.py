"""Checkpoints written piece by piece, so that each piece can be wrong."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from uniformer_mm.weights.archive import LEGACY


@dataclass(frozen=True)
class Stored:
    """Stands for a storage of the file."""

    key: Any = '0'
    numel: Any = 100
    kind: Any = torch.FloatStorage


class Call:
    """Pickles as a call of ``function`` with ``args``, then ``state``."""

    def __init__(
        self, function: Callable[..., Any], *args: Any, state: Any = None
    ) -> None:
        self.reduced = function, args, state

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


def view(
    offset: Any = 0,
    size: Any = (100,),
    stride: Any = (1,),
    storage: Stored | None = None,
) -> Call:
    """Stands for a tensor; by default the whole of storage '0'."""
    return Call(
        torch._utils._rebuild_tensor_v2,
        storage or Stored(),
        offset,
        size,
        stride,
        False,
        OrderedDict(),
    )


class _Pickler(pickle.Pickler):
    views: tuple[Any, ...] = ()

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Stored):
            return (
                'storage',
                obj.kind,
                obj.key,
                'cpu',
                obj.numel,
                *self.views,
            )
        return None


def pickled(content: Any, views: tuple[Any, ...] = ()) -> bytes:
    buffer = io.BytesIO()
    pickler = _Pickler(buffer, 2)
    pickler.views = views
    pickler.dump(content)
    return buffer.getvalue()


def records_of(
    content: Any, storages: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Return the members of a zip."""
    return {
        'a/data.pkl': pickled(content),
        'a/byteorder': b'little',
        **{f'a/data/{key}': data for key, data in storages.items()},
        'a/version': b'3\n',
    }


def zipped(
    records: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', compression) as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def zip_file(content: Any, storages: Mapping[str, bytes]) -> bytes:
    return zipped(records_of(content, storages))


def legacy_file(
    content: Any,
    storages: Mapping[str, bytes],
    *,
    version: int = 1001,
    little_endian: bool = True,
    itemsize: int = 4,
    view_of: Any = None,
) -> bytes:
    """Return a file in torch's format before 1.6."""
    return b''.join(
        [
            LEGACY,
            pickled(version),
            pickled(
                {'protocol_version': 1001, 'little_endian': little_endian}
            ),
            pickled(content, (view_of,)),
            pickled(list(storages)),
            *(
                (len(data) // itemsize).to_bytes(8, 'little') + data
                for data in storages.values()
            ),
        ]
    )


VALUES = torch.arange(100.0)
DATA = VALUES.numpy().tobytes()
ALL = {'w': view()}
STORED = {'0': DATA}
Write = Callable[..., bytes]
BOTH_FORMATS = pytest.mark.parametrize('write', [zip_file, legacy_file])
