"""The modes a model is used in, which are to give the same outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor

from tests.support.small import relative_error, tensors_of
from uniformer_mm import fast

TOLERANCE = 2e-5


@contextmanager
def plain_inference() -> Iterator[None]:
    with torch.no_grad(), fast.plain():
        yield


@contextmanager
def plain_gradients() -> Iterator[None]:
    with torch.enable_grad(), fast.plain():
        yield


MODES: dict[str, Callable[[], Any]] = {
    'plain': plain_gradients,
    'plain, no_grad': plain_inference,
    'gradients': torch.enable_grad,
    'no_grad': torch.no_grad,
    'inference_mode': torch.inference_mode,
}


def run(mode: str, model: Callable[..., Any], x: Tensor) -> list[Tensor]:
    """The outputs of ``model``, whose random numbers are always the same."""
    torch.manual_seed(4)
    with MODES[mode]():
        outs = tensors_of(model(x))
    return [out.detach().clone() for out in outs]


def outcome(
    mode: str, model: Callable[..., Any], x: Tensor
) -> list[Tensor] | type[Exception]:
    """The outputs of ``model``, or the class of what it raises."""
    try:
        return run(mode, model, x)
    except (RuntimeError, ValueError, TypeError) as error:
        return type(error)


def disagreement(
    make: Callable[[], AbstractContextManager[Any]],
    x: Tensor,
    modes: Iterable[str] = tuple(MODES),
    tolerance: float = TOLERANCE,
) -> tuple[Any, str]:
    """Run a new model in every mode, the plain one first.

    Returns:
        tuple: The outcome of the plain model that makes gradients, and how
        those of other modes differ from it, '' if they do not.
    """
    expected: Any = None
    wrong = []
    for mode in modes:
        with make() as model:
            got = outcome(mode, model, x)
        if expected is None:
            expected = got
        elif isinstance(got, type) or isinstance(expected, type):
            if got is not expected:
                wrong.append(f'{mode} gives {_brief(got)}')
        else:
            error = relative_error(got, expected)
            # NaN is wrong too.
            if not error <= tolerance:
                wrong.append(f'{mode} is off by {error:.1e}')
    return expected, '; '.join(wrong)


def _brief(got: Any) -> str:
    return got.__name__ if isinstance(got, type) else 'outputs'
