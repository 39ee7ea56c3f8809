"""What an exported file gives, beside what the host's model gives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.exporting.matching import matched
from uniformer_mm.exporting.networks import Network
from uniformer_mm.exporting.parity import Case, Error
from uniformer_mm.runtimes import Session

__all__ = ['compare']


def compare(
    network: type[Network],
    model: Any,
    session: Session,
    inputs: Iterable[Tensor],
    *,
    pictures: bool,
) -> Iterator[Case]:
    """Yield a case per input.

    Args:
        network: The kind of network, for its reference.
        model: The host's model.
        session: The exported file.
        inputs: (N, ...) each.
        pictures: Whether these are of pictures.
    """
    task, names = session.card.task, session.card.outputs
    for x in inputs:
        with torch.no_grad():
            values = network.reference(model, x)
        expected = dict(zip(names, values, strict=True))
        got = session(x)
        compared, agreed = 0, 0
        if task == 'detection':
            total = int((expected['labels'] >= 0).sum())
            found = int((got['labels'] >= 0).sum())
            expected, got = matched(expected, got)
            agreed = len(expected['boxes'])
            # Those that one of the two has alone are none that agree.
            compared = total + found - agreed
        elif task != 'backbone':
            mine, theirs = _labels(task, got), _labels(task, expected)
            compared = theirs.numel()
            if mine.shape == theirs.shape:
                agreed = int((mine == theirs).sum())
        errors = {
            name: _error(got[name], value)
            for name, value in expected.items()
            if value.is_floating_point()
        }
        yield Case(tuple(x.shape), pictures, errors, compared, agreed)


def _error(got: Tensor, expected: Tensor) -> Error:
    if got.shape != expected.shape:
        return Error(math.inf, math.inf, math.inf)
    if not expected.numel():
        return Error(0.0, 0.0, 0.0)
    error = got - expected
    least = torch.finfo(error.dtype).tiny
    largest = error.abs().max()
    relative = largest / expected.abs().max().clamp_min(least)
    rms = error.norm() / expected.norm().clamp_min(least)
    return Error(float(largest), float(relative), float(rms))


def _labels(task: str, outputs: Mapping[str, Tensor]) -> Tensor:
    if task == 'pose':  # the places of the peaks
        peaks = [value.flatten(2).argmax(-1) for value in outputs.values()]
        return torch.stack(peaks)
    (scores,) = outputs.values()
    return scores.argmax(1)
