"""A clock for the parts of a model of a host, put around it from outside."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

__all__ = ['PARTS', 'Clock', 'watch']

PARTS = (
    *('data', 'backbone', 'neck', 'heads', 'losses', 'post-processing'),
    *('backward of heads', 'backward of backbone', 'optimizer'),
)
# Of a region-based head, which is several heads and what cuts regions out.
WITHIN = ('bbox_roi_extractor', 'bbox_head', 'mask_roi_extractor', 'mask_head')


class Clock:
    """Adds up the time of parts, without that of the parts within them.

    Args:
        now: Seconds.

    Attributes:
        seconds (dict[str, float]): Of each part so far.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.seconds: dict[str, float] = defaultdict(float)
        self._within: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what runs inside as ``name``."""
        self._count()
        self._within.append(name)
        try:
            yield
        finally:
            self._count()
            self._within.pop()

    def becomes(self, name: str) -> None:
        """Count what follows in the part that runs now as ``name``."""
        self._count()
        self._within[-1] = name

    def wrap(self, owner: Any, method: str, name: str) -> None:
        """Count each call of a method of ``owner`` as ``name``."""
        call = getattr(owner, method)

        @functools.wraps(call)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return call(*args, **kwargs)

        setattr(owner, method, counted)

    def _count(self) -> None:
        now = self.now()
        if self._within:
            self.seconds[self._within[-1]] += now - self._since
        self._since = now


def watch(model: Any, optim_wrapper: Any, clock: Clock) -> None:
    """Have ``clock`` count the parts of a model of a host.

    What heads do in training around their layers are losses: the assignment
    of targets is among them. What turns their outputs into results is
    post-processing, proposals of training too. Methods are wrapped, because
    hosts call the forwards of heads without the module's hooks.

    Args:
        model: Of mmdet, mmseg, mmpose, mmaction2 or mmpretrain.
        optim_wrapper: MMEngine's.
        clock: What counts.
    """
    clock.wrap(model.data_preprocessor, 'forward', 'data')
    clock.wrap(model.backbone, 'forward', 'backbone')
    _watch_backward(model.backbone, clock)
    if getattr(model, 'neck', None) is not None:
        clock.wrap(model.neck, 'forward', 'neck')
    for head in _heads(model):
        clock.wrap(head, 'forward', 'heads')
        if hasattr(head, 'predict_by_feat'):
            clock.wrap(head, 'predict_by_feat', 'post-processing')
    clock.wrap(model, 'loss', 'losses')
    clock.wrap(model, 'predict', 'post-processing')
    clock.wrap(optim_wrapper, 'backward', 'backward of heads')
    clock.wrap(optim_wrapper, 'step', 'optimizer')
    clock.wrap(optim_wrapper, 'zero_grad', 'optimizer')


def _heads(model: nn.Module) -> Iterator[nn.Module]:
    for name, child in model.named_children():
        if name in ('data_preprocessor', 'backbone', 'neck'):
            continue
        if hasattr(child, 'bbox_roi_extractor'):
            yield from (m for n, m in child.named_children() if n in WITHIN)
        elif isinstance(child, nn.ModuleList):
            yield from child
        else:
            yield child


def _watch_backward(backbone: Any, clock: Clock) -> None:
    """Count the backward from where it comes to the backbone's outputs.

    torch goes backwards in the order in which it came, so all of the heads is
    done by then.
    """
    forward = backbone.forward

    def begins(_: Tensor) -> None:
        clock.becomes('backward of backbone')

    @functools.wraps(forward)
    def run(*args: Any, **kwargs: Any) -> Any:
        outputs = forward(*args, **kwargs)
        for y in [outputs] if isinstance(outputs, Tensor) else outputs:
            if isinstance(y, Tensor) and y.requires_grad:
                y.register_hook(begins)  # type: ignore[no-untyped-call]
        return outputs

    backbone.forward = run
