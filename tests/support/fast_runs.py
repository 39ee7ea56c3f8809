"""Runs with fast forms, and a count of those that ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from tests.support.small import tensors_of
from uniformer_mm.fast import forms as registered
from uniformer_mm.fast import leaves, linear, patches, tiles


def make_everything_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fast forms run on small inputs, in several tiles."""
    monkeypatch.setattr(linear, 'LEAST_TOKENS', 1)
    monkeypatch.setattr(patches, 'LEAST_WEIGHTS', 1)
    monkeypatch.setattr(patches, 'PATCHES', range(1, 2**20))
    monkeypatch.setattr(tiles, 'TOKENS_PER_THREAD', 61)


@torch.no_grad()
def shape_or_error(
    run: Callable[[Tensor], Tensor], x: Tensor
) -> tuple[int, ...] | str:
    """The shape of what ``run`` returns, or what its error says."""
    try:
        return tuple(run(x).shape)
    except RuntimeError as error:
        return str(error)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the fast forms that stand for a call, by their names."""
    count: Counter[str] = Counter()

    def spy(run: Any) -> Any:
        def spied(*args: Any) -> Any:
            y = run(*args)
            count[run.__name__] += y is not NotImplemented
            return y

        return spied

    forms, layers = registered.FORMS, leaves._LAYERS
    with pytest.MonkeyPatch.context() as patch:
        for key, found in forms.items():
            spied = [f._replace(run=spy(f.run)) for f in found]
            patch.setitem(forms, key, spied)
        for device, of_class in layers.items():
            spied_layers = {
                cls: [f._replace(run=spy(f.run)) for f in found]
                for cls, found in of_class.items()
            }
            patch.setitem(layers, device, spied_layers)
        yield count


def operations(run: Callable[[], Any]) -> Counter[str]:
    """Count the operations of torch in ``run``, by their names."""
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        run()
    return Counter(event.name for event in recorded.events())


def assert_close(got: Any, expected: Any, tolerance: float = 1e-5) -> None:
    """Compare relative to the largest value of each tensor."""
    for a, b in zip(tensors_of(got), tensors_of(expected), strict=True):
        assert a.shape == b.shape
        if b.numel():
            error = (a - b).abs().max()
            assert error <= tolerance * b.abs().max().clamp_min(1e-6)


def step(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Gradients and buffers after a training step, by name."""
    model.zero_grad(set_to_none=True)
    generator = torch.Generator().manual_seed(3)
    outs = tensors_of(model(x))
    sum(
        (out * torch.randn(out.shape, generator=generator)).sum()
        for out in outs
    ).backward()
    grads = {n: p.grad for n, p in model.named_parameters()}
    return {**grads, **{n: b.clone() for n, b in model.named_buffers()}}
