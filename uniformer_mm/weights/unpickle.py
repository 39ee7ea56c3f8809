"""The pickle of a checkpoint to tensors and plain data, making nothing else.

A pickle is a program for a small machine with a stack, and it may call any
function that it names. Here the machine is ours: it knows the instructions
that ``torch.save`` writes, looks no name up, and makes tensors from bytes that
were read, plain data, and for all else a ``Placeholder``.

``torch.load`` is not used, not even with ``weights_only=True``: it believes
the sizes that a pickle states, and lets one call ``torch.Tensor(9)``. Either
way memory that is not of the file becomes weights.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

import torch
from torch import Tensor

from uniformer_mm.weights.storages import (
    DTYPES,
    StorageError,
    Storages,
    check_is,
)

__all__ = ['Placeholder', 'UnknownTypesError', 'load_pickle']

# What is beside weights: on torch's own list, or in files of MMEngine and of
# the official programs. None of it is made.
_KNOWN = re.compile(
    r'argparse\.Namespace'
    r'|(builtins|__builtin__)\.(set|complex|bytearray|getattr)'
    r'|collections\.(Counter|OrderedDict)|_codecs\.encode'
    r'|mmengine\.logging\.history_buffer\.HistoryBuffer'
    r'|numpy\.(dtype|ndarray)|numpy\._?core\.multiarray\.(_reconstruct|scalar)'
    r'|torch\.(Size|device|per_\w+|(u?int|b?float|complex|q)[a-z]*\d\w*|bool)'
    r'|torch\.(\w+\.)?\w*(Tensor|Storage)|torch\.nn\.parameter\.\w+'
    r'|torch\._utils\._rebuild_\w+|torch\._tensor\._rebuild_from_type_v2'
    r'|torch\.serialization\._get_layout'
)


class UnknownTypesError(ValueError):
    """A pickle names types or functions that weights don't need.

    Attributes:
        names (list[str]): All of them, sorted.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        super().__init__('it names ' + ', '.join(self.names))


@dataclass(frozen=True, eq=False)
class Placeholder:
    """Stands for what is neither a tensor nor plain data, and was not made.

    Attributes:
        name (str): Its type or the function that would make it, such as
            'argparse.Namespace'.
    """

    name: str


def load_pickle(
    source: bytes | IO[bytes], storages: Storages | None = None
) -> Any:
    """Return what a pickle holds: tensors, plain data and placeholders.

    Args:
        source: The pickle; a file is left behind its end.
        storages: Where its tensors come from; None if it can't have any.

    Raises:
        UnknownTypesError: It names types that are not known.
        StorageError: A tensor or a storage is not what it can be.
        Exception: It is damaged, and that shows in any way.
    """
    return _Machine(storages).run(source)


class _Machine:
    """Carries out one pickle."""

    def __init__(self, storages: Storages | None) -> None:
        self.storages = storages
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.unknown: set[str] = set()
        # What the user lets torch make is no reason to refuse a file.
        self.allowed = {
            kind[1]
            if isinstance(kind, tuple)
            else f'{kind.__module__}.{kind.__qualname__}'
            for kind in torch.serialization.get_safe_globals()
        }

    def run(self, source: bytes | IO[bytes]) -> Any:
        for instruction, arg, _ in pickletools.genops(source):
            if instruction.name == 'STOP':
                break
            self.step(instruction.name, arg)
        if self.unknown:
            raise UnknownTypesError(self.unknown)
        return self.stack.pop()

    def step(self, instruction: str, arg: Any) -> None:
        stack = self.stack
        match instruction:
            case 'PROTO' if arg == 2:
                pass
            case 'BININT' | 'BININT1' | 'BININT2' | 'LONG1' | 'BINFLOAT':
                stack.append(arg)
            case 'BINUNICODE' | 'SHORT_BINSTRING' | 'NONE':
                stack.append(arg)
            case 'NEWTRUE' | 'NEWFALSE':
                stack.append(instruction == 'NEWTRUE')
            case 'EMPTY_DICT':
                stack.append({})
            case 'EMPTY_LIST':
                stack.append([])
            case 'EMPTY_TUPLE':
                stack.append(())
            case 'MARK':
                self.marks.append(len(stack))
            case 'TUPLE':
                stack.append(tuple(self.pop_items()))
            case 'TUPLE1' | 'TUPLE2' | 'TUPLE3':
                stack.append(tuple(self.pop_items(int(instruction[-1]))))
            case 'BINPUT' | 'LONG_BINPUT':
                self.memo[arg] = stack[-1]
            case 'BINGET' | 'LONG_BINGET':
                stack.append(self.memo[arg])
            case 'APPEND' | 'APPENDS':
                items = self.pop_items(1 if instruction == 'APPEND' else None)
                _extend(stack[-1], items)
            case 'SETITEM' | 'SETITEMS':
                items = self.pop_items(2 if instruction == 'SETITEM' else None)
                _update(stack[-1], items)
            case 'GLOBAL':
                stack.append(self.named(arg.replace(' ', '.')))
            case 'BINPERSID':
                stack.append(self.refer(*stack.pop()))
            case 'REDUCE':
                stack.append(self.call(*self.pop_items(2)))
            case 'NEWOBJ':
                kind, _ = self.pop_items(2)
                stack.append(Placeholder(kind.name))
            case 'BUILD':
                # Attributes; those of a dict say nothing of its weights.
                stack.pop()
                check_is(stack[-1], (dict, Placeholder))
            case _:
                raise StorageError(f'unknown instruction {instruction}')

    def pop_items(self, number: int | None = None) -> list[Any]:
        """Take the last items off the stack, by default to the last mark."""
        start = self.marks.pop() if number is None else -number
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def named(self, name: str) -> Placeholder:
        if not _KNOWN.fullmatch(name) and name not in self.allowed:
            self.unknown.add(name)
        return Placeholder(name)

    def refer(self, what: str, kind: Placeholder, *facts: Any) -> Any:
        """Return the storage that a pickle refers to."""
        if what == 'storage' and self.storages:
            # As ``torch.FloatStorage`` or ``torch.cuda.FloatStorage``.
            name = kind.name.rpartition('.')[2]
            if name in DTYPES:
                key, _, numel, *views = facts
                return self.storages.find(name, key, numel, *views)
        return Placeholder(f'{what} of {kind.name}')

    def call(self, called: Placeholder, args: tuple[Any, ...]) -> Any:
        """Return what stands for the result of a function."""
        check_is(called, (Placeholder,))
        check_is(args, (tuple,))
        match called.name.rpartition('.')[2]:
            case 'OrderedDict' if not args:
                return {}
            case 'Size' if type(args[0]) is tuple:
                return args[0]
            case '_rebuild_parameter' | '_rebuild_parameter_with_state':
                return args[0]
            case '_rebuild_from_type_v2':
                return self.call(args[0], args[2])
            # Last may come that the numbers are to be negated or conjugated.
            case '_rebuild_tensor' | '_rebuild_tensor_v2' if not any(args[6:]):
                return self.tensor(*args[:4])
            case '_rebuild_tensor_v3' if not any(args[7:]):
                dtype = getattr(torch, args[6].name.rpartition('.')[2])
                return self.tensor(*args[:4], dtype)
            case _:
                return Placeholder(called.name)

    def tensor(self, storage: Any, *facts: Any) -> Tensor | Placeholder:
        if self.storages is None or isinstance(storage, Placeholder):
            return Placeholder('torch.Tensor')
        return self.storages.tensor(storage, *facts)


def _extend(target: Any, items: list[Any]) -> None:
    check_is(target, (list, Placeholder))
    if isinstance(target, list):
        target.extend(items)


def _update(target: Any, items: list[Any]) -> None:
    """Put keys and values, which come in turn, into a dict."""
    check_is(target, (dict, Placeholder))
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Not all that can be a key: nested tuples can take years to hash.
        for part in key if isinstance(key, tuple) else (key,):
            check_is(part, (str, int, float, bool, type(None), Placeholder))
        if isinstance(target, dict):
            target[key] = value
