"""The weights inside a checkpoint: which entry, and what wrappers left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.weights.reading import (
    WeightFileError,
    check_state,
    kind_of,
    listed,
    shown,
)

__all__ = ['unwrap']

# Entries of the official files: image classification and mmcv's hosts save
# under the first two, video under the third; timm and the image code average.
RAW = ('model', 'state_dict', 'model_state')
AVERAGED = ('model_ema', 'state_dict_ema', 'ema_state_dict')
# Attributes by which wrappers hold a module: DataParallel and its like,
# torch.compile, FSDP, activation checkpointing.
WRAPPED = re.compile(
    r'(?<![^.])(module|_orig_mod|_fsdp_wrapped_module'
    r'|_checkpoint_wrapped_module)\.'
)
# How often it was averaged: by torch's AveragedModel, by MMEngine's averages.
COUNTS = ('n_averaged', 'steps')
# Buffers that thop leaves in each layer of a model that it has looked at.
PROFILED = re.compile(r'(.+\.)?total_(ops|params)')


def unwrap(
    content: Any, path: Path, ema: bool | None
) -> tuple[str, dict[str, Tensor], tuple[str, ...]]:
    """Return the entry, the weights in it, and notes on what was done.

    Args:
        content: What the file holds.
        path: The file, for messages.
        ema: See ``read_weights``.

    Raises:
        WeightFileError: There are no weights, or more than one set of them,
            or they are not what ``check_state`` takes.
    """
    if not isinstance(content, Mapping):
        raise WeightFileError(
            f'{path} holds a {kind_of(content)}, expected a dict'
        )
    wrapper, state, notes = _select(content, path, ema)
    where = f'{path}, entry {wrapper!r}'
    if wrapper == 'bare':
        where = f'{path}, which has none of the entries {listed(RAW)}'
    try:
        check_state(state, where)
    except WeightFileError as error:
        inner = list(_inner(state))
        if not inner:
            raise
        entry = '' if wrapper == 'bare' else f'[{wrapper!r}]'
        raise WeightFileError(
            f'{error}. The weights may be in {listed(inner)}: '
            f'torch.save(torch.load({str(path)!r}, weights_only=True)'
            f"{entry}{inner[0]}, 'one.pth') saves them alone"
        ) from None
    names: dict[str, str] = {}
    for key in state:
        name = WRAPPED.sub('', key)
        if name in names:
            raise WeightFileError(
                f'{path} holds both {names[name]!r} and {key!r}, which are '
                'one key; save it again with one of them'
            )
        names[name] = key
    weights = {name: state[key].detach() for name, key in names.items()}
    if count := _count_of(state):
        del weights[count]
        notes = (*notes, f'without {count}')
    if profiled := [key for key in weights if PROFILED.fullmatch(key)]:
        for key in profiled:
            del weights[key]
        notes = (*notes, f'without {len(profiled)} counters of thop')
    if second := _second_set(state):
        for key in second:
            del weights[key]
        told = f'without {len(second)} keys of an EMA hook, {second[0]}, ...'
        notes = (*notes, told)
    if prefix := _prefix(weights):
        weights = {k.removeprefix(prefix): v for k, v in weights.items()}
        notes = (*notes, f'without {prefix!r} before the keys')
    return wrapper, {k: _counter(k, v) for k, v in weights.items()}, notes


def _select(
    content: Mapping[Any, Any], path: Path, ema: bool | None
) -> tuple[str, Any, tuple[str, ...]]:
    """Return the entry that holds the weights, its value, and notes."""

    # A tensor of that name belongs to a bare dict.
    def there(names: tuple[str, ...]) -> list[str]:
        return [
            n
            for n in names
            if not isinstance(content.get(n, Tensor()), Tensor)
        ]

    raw, averaged = there(RAW), there(AVERAGED)
    if raw == ['state_dict'] and _count_of(content.get('ema_state_dict')):
        # MMEngine's EMAHook swaps the two, so that hosts load the average.
        name = 'ema_state_dict' if ema is False else 'state_dict'
        note = 'raw' if ema is False else 'averaged'
        return name, content[name], (f"{note}, as MMEngine's EMAHook saves",)
    if len(raw) < 2 and not averaged:
        name = raw[0] if raw else 'bare'
        state = content[name] if raw else content
        if count := _count_of(state):
            if ema is False:
                raise WeightFileError(
                    f'{path} has averaged weights only, with {count!r}; read '
                    'it with ema=True'
                )
            return name, state, ('averaged',)
        if ema is not None and (second := _second_set(state)):
            entry = f'[{name!r}]' * len(raw)
            raise WeightFileError(
                f'{path} holds two sets of weights, as the EMA hooks of mmcv '
                f'1 save them, the second one as {shown(second[0])}, ... . '
                'The second is the raw one in files saved after an epoch, and '
                "the average in files saved after an iteration; it can't be "
                f'seen which this is. Without ema={ema} the first one is '
                f'read. For the other one: state = torch.load({str(path)!r}, '
                f'weights_only=True){entry}; torch.save({{k: state.get('
                "'ema_' + k.replace('.', '_'), v) for k, v in state.items() "
                "if not k.startswith('ema_')}, 'one.pth')"
            )
    found = averaged if ema else raw
    if len(found) > 1:
        raise WeightFileError(
            f'{path} has several entries of weights ({listed(found)}); save '
            f'the one you mean alone: torch.save(torch.load({str(path)!r}, '
            f"weights_only=True)[{found[0]!r}], 'one.pth')"
        )
    if found:
        return found[0], content[found[0]], ('averaged',) if ema else ()
    if ema:
        raise WeightFileError(
            f'{path} has no averaged weights, {listed(AVERAGED)}, but '
            f'{listed(content)}; read it with ema=False'
        )
    if averaged:
        raise WeightFileError(
            f'{path} has averaged weights only, {listed(averaged)}; read it '
            'with ema=True'
        )
    return 'bare', content, ()


def _inner(content: Any, depth: int = 2) -> Iterator[str]:
    """Yield the entries of a dict that hold tensors, such as "['net']"."""
    entries = content.items() if isinstance(content, Mapping) else ()
    if any(isinstance(value, Tensor) for _, value in entries):
        return
    for name, value in entries:
        # The line of Python could not name others.
        if shown(name) != str(name):
            continue
        # States of random generators are tensors of bytes.
        if isinstance(value, Mapping) and any(
            isinstance(item, Tensor) and item.is_floating_point()
            for item in value.values()
        ):
            yield f'[{name!r}]'
        elif depth > 1:
            for inner in _inner(value, depth - 1):
                yield f'[{name!r}]{inner}'


def _count_of(state: Any) -> str:
    """Return the counter that says that ``state`` is an average, else ''."""
    names = _names(state if isinstance(state, Mapping) else ())
    return next((count for count in COUNTS if count in names), '')


def _second_set(state: Any) -> list[str]:
    """Return the keys that EMA hooks of mmcv 1 add: no dots in them."""
    names = _names(state if isinstance(state, Mapping) else ())
    flat = {f'ema_{name.replace(".", "_")}' for name in names}
    return [name for name in names if name in flat]


def _names(keys: Iterable[Any]) -> list[str]:
    """Return keys without what wrappers add."""
    return [WRAPPED.sub('', key) for key in keys if isinstance(key, str)]


def _prefix(state: Iterable[str]) -> str:
    """Return what all keys begin with, such as Lightning's attribute."""
    start = r'(.+?\.)(?:backbone\.)?(?:patch_embed|blocks)[1-4]\.'
    found = next(filter(None, (re.match(start, key) for key in state)), None)
    prefix = found[1] if found else ''
    whole = all(key.startswith(prefix) for key in state)
    return prefix if whole and prefix != 'backbone.' else ''


def _counter(key: str, value: Tensor) -> Tensor:
    """Return counters as torch's own loading takes them: as one int."""
    if key.endswith('num_batches_tracked') and value.shape in ((), (1,)):
        return value.reshape(()).to(torch.int64)
    return value
