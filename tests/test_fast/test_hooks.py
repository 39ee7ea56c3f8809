"""Hooks see the same calls in inference as with gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from tests.support.edits import edited
from tests.support.models import assert_same_gradients, every_kind, random_loss
from tests.support.modes import MODES, TOLERANCE, run
from tests.support.small import (
    many_tokens,
    relative_error,
    small,
    tensors_of,
)


class Record:
    """Hooks that note what passes, and look later whether it still is that.

    Attributes:
        calls: For each call in order, what is called and the shapes.
        seen: What passed, and its values then.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[tuple[int, ...]]]] = []
        self.seen: list[tuple[Tensor, Tensor]] = []

    def note(self, name: str, *values: Any) -> None:
        tensors = [t.detach() for v in values for t in tensors_of(v)]
        self.calls.append((name, [tuple(t.shape) for t in tensors]))
        self.seen += [(tensor, tensor.clone()) for tensor in tensors]

    def hook(self, name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, *values: Any) -> None:
            self.note(name, *values)

        return hook

    def overwritten(self) -> int:
        return sum(not torch.equal(t, then) for t, then in self.seen)


def attach(model: nn.Module, sort: str, record: Record) -> list[Any]:
    handles = []
    for name, module in model.named_modules():
        hook = record.hook(name)
        if sort == 'before':
            handle = module.register_forward_pre_hook(hook)
        elif sort == 'before, with keywords':
            handle = module.register_forward_pre_hook(hook, with_kwargs=True)
        elif sort == 'after':
            handle = module.register_forward_hook(hook)
        elif sort == 'after, with keywords':
            handle = module.register_forward_hook(hook, with_kwargs=True)
        else:
            handle = module.register_forward_hook(hook, always_call=True)
        handles.append(handle)
    return handles


@contextmanager
def removed(handles: list[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def assert_same_records(records: dict[str, Record]) -> None:
    expected = records['plain']
    assert expected.calls
    for mode, record in records.items():
        assert record.calls == expected.calls, mode
        assert not record.overwritten(), mode
        for (_, a), (_, b) in zip(record.seen, expected.seen, strict=True):
            torch.testing.assert_close(
                a, b, rtol=1e-3, atol=1e-4 * float(b.abs().max())
            )


@every_kind
@pytest.mark.parametrize(
    'sort',
    [
        'before',
        'before, with keywords',
        'after',
        'after, with keywords',
        'after, always',
    ],
)
def test_hooks_on_all_modules_see_the_same_in_every_mode(
    kind: str, sort: str
) -> None:
    model, x = small(kind), many_tokens(kind)
    expected = run('plain', model, x)
    records = {}
    for mode in MODES:
        records[mode] = Record()
        with removed(attach(model, sort, records[mode])):
            outs = run(mode, model, x)
        assert relative_error(outs, expected) <= TOLERANCE
    assert_same_records(records)


@pytest.mark.parametrize('kind', ['image', 'split', 'light'])
def test_a_hook_on_one_module_sees_the_same_in_every_mode(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    for name, module in model.named_modules():
        records = {mode: Record() for mode in ('plain', 'no_grad')}
        for mode, record in records.items():
            hook = record.hook(name)
            with removed([module.register_forward_hook(hook)]):
                run(mode, model, x)
        assert records['no_grad'].calls == records['plain'].calls, name
        assert not records['no_grad'].overwritten(), name


@every_kind
def test_global_hooks_see_the_same_in_every_mode(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    names = {module: name for name, module in model.named_modules()}
    registers = (
        torch_module.register_module_forward_pre_hook,
        torch_module.register_module_forward_hook,
    )
    records = {}
    for mode in MODES:
        record = records[mode] = Record()

        def hook(
            module: nn.Module, *values: Any, record: Record = record
        ) -> None:
            record.note(names[module], *values)

        with removed([register(hook) for register in registers]):
            run(mode, model, x)
    assert_same_records(records)


def attach_backward(model: nn.Module, calls: list[str]) -> list[Any]:
    handles = []
    for name, module in model.named_modules():

        def note(*_: Any, name: str = name) -> None:
            calls.append(name)

        handles += [
            module.register_full_backward_hook(note),
            module.register_full_backward_pre_hook(note),
        ]
    return handles


@every_kind
def test_backward_hooks_leave_inference_alone(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    expected = run('plain', model, x)
    with removed(attach_backward(model, [])):
        for mode in MODES:
            outs = run(mode, model, x)
            assert relative_error(outs, expected) <= TOLERANCE, mode


@every_kind
@pytest.mark.parametrize('training', [False, True])
def test_backward_hooks_on_all_modules_are_called(
    kind: str, training: bool
) -> None:
    model, x = small(kind).train(training), many_tokens(kind)
    x.requires_grad_(True)
    calls: dict[str, list[str]] = {'plain': [], 'gradients': []}
    models = {mode: edited(model) for mode in calls}
    for mode, own in models.items():
        with MODES[mode](), removed(attach_backward(own, calls[mode])):
            random_loss(own(x)).backward()
    assert_same_gradients(models['gradients'], models['plain'])
    assert sorted(calls['gradients']) == sorted(calls['plain'])
    leaves = {n for n, m in model.named_modules() if not list(m.children())}
    # The class token's last update is no output.
    assert leaves <= set(calls['plain'])
