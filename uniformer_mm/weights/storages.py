"""Bytes of a checkpoint as tensors that never reach beyond them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ['DTYPES', 'Storage', 'StorageError', 'Storages', 'check_is']

DTYPES: Mapping[str, torch.dtype] = {
    'DoubleStorage': torch.float64,
    'FloatStorage': torch.float32,
    'HalfStorage': torch.float16,
    'BFloat16Storage': torch.bfloat16,
    'LongStorage': torch.int64,
    'IntStorage': torch.int32,
    'ShortStorage': torch.int16,
    'CharStorage': torch.int8,
    'ByteStorage': torch.uint8,
    'BoolStorage': torch.bool,
    'ComplexFloatStorage': torch.complex64,
    'ComplexDoubleStorage': torch.complex128,
    'UntypedStorage': torch.uint8,
}
"""What pickles call a storage -> its numbers; others are not read."""

MAX_DIMS = 64
"""As many as an operation of torch takes."""


class StorageError(ValueError):
    """A storage or a tensor is not what the bytes of the file can give."""


class Storage:
    """One storage: its bytes, and what numbers they are.

    Args:
        content: The bytes, a flat uint8 tensor.
        dtype: Their type, if a tensor names no other.
        size: How many bytes the pickle says there are.
    """

    def __init__(self, content: Tensor, dtype: torch.dtype, size: int) -> None:
        self.content, self.dtype, self.size = content, dtype, size


class Storages:
    """The storages of one pickle, and the tensors it makes from them.

    Args:
        read: From the key of a storage and its bytes to these, in a flat
            uint8 tensor; it raises if the file has not as many.
    """

    def __init__(self, read: Callable[[str, int], Tensor]) -> None:
        self.read = read
        self.known: dict[str, Storage] = {}

    def find(self, kind: str, key: Any, numel: Any, *views: Any) -> Storage:
        """Return the storage that a pickle refers to.

        Args:
            kind: A key of ``DTYPES``.
            key: Its name in the file, a str.
            numel: How many numbers it has, an int.
            views: What older pickles say behind that.

        Raises:
            StorageError: It isn't like that, or was of another size before.
        """
        check_is(key, (str,))
        check_is(numel, (int,))
        if any(view is not None for view in views):
            raise StorageError('a storage is a view, as of torch before 0.4')
        dtype = DTYPES[kind]
        size = numel * dtype.itemsize
        if size < 0:
            raise StorageError(f'a storage has {numel} numbers')
        if key not in self.known:
            self.known[key] = Storage(self.read(key, size), dtype, size)
        storage = self.known[key]
        if (storage.dtype, storage.size) != (dtype, size):
            raise StorageError(f'storage {key[:40]!r} has two sizes or types')
        return storage

    def tensor(
        self,
        storage: Any,
        offset: Any,
        shape: Any,
        strides: Any,
        dtype: Any = None,
    ) -> Tensor:
        """Return a view of a storage.

        Args:
            storage: What ``find`` returned.
            offset: Of its first number, an int.
            shape: Sizes, a tuple of ints.
            strides: In numbers, a tuple of ints.
            dtype: Type of its numbers; None takes the storage's.

        Raises:
            StorageError: It isn't like that, or reaches beyond the storage.
            Exception: It isn't what torch can hold.
        """
        check_is(storage, (Storage,))
        check_is(shape, (tuple,))
        check_is(strides, (tuple,))
        dtype = dtype or storage.dtype
        check_is(dtype, (torch.dtype,))
        for number in (offset, *shape, *strides):
            check_is(number, (int,))
            if number < 0:
                raise StorageError(f'a size, stride or offset is {number}')
        if len(shape) != len(strides) or len(shape) > MAX_DIMS:
            raise StorageError(
                f'a tensor has {len(shape)} sizes and {len(strides)} strides'
            )
        if 0 in shape:
            return torch.empty(shape, dtype=dtype)
        last = offset + sum(
            (size - 1) * stride
            for size, stride in zip(shape, strides, strict=True)
        )
        needed, there = (last + 1) * dtype.itemsize, len(storage.content)
        if needed > there:
            raise StorageError(
                f'a tensor needs {needed} bytes of a storage that has {there}'
            )
        whole = storage.content[: there // dtype.itemsize * dtype.itemsize]
        return whole.view(dtype).as_strided(shape, strides, offset)


def check_is(value: object, kinds: tuple[type, ...]) -> None:
    """Raise ``StorageError`` unless a value is of one of these very types."""
    if type(value) not in kinds:
        raise StorageError(
            f'{type(value).__name__} where another type must be'
        )
