"""A function that is called before each step of the optimizers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mmengine.optim import OptimWrapperDict
from torch import Tensor
from torch.optim import Optimizer

__all__ = ['BeforeSteps']


class BeforeSteps:
    """Calls a function once before each step, when gradients are whole.

    They are not clipped yet: that hides what is infinite. A step that a
    gradient scaler leaves out is no step. ``remove`` leaves all as it was.

    Args:
        optim_wrapper: MMEngine's, or several of them.
        call: Gets the optimizer.

    Attributes:
        optimizers (list[Optimizer]): All.
        scaled (bool): Whether a scaler of one multiplies gradients, which may
            then be infinite for a while.
        called (list[Optimizer]): Those whose step came since ``start``.
    """

    def __init__(
        self, optim_wrapper: Any, call: Callable[[Optimizer], None]
    ) -> None:
        several = isinstance(optim_wrapper, OptimWrapperDict)
        wrappers = [*optim_wrapper.values()] if several else [optim_wrapper]
        self.call = call
        self.optimizers = [wrapper.optimizer for wrapper in wrappers]
        self.scaled = any(hasattr(one, 'loss_scaler') for one in wrappers)
        self.called: list[Optimizer] = []
        self.undo: list[Callable[[], None]] = []
        for wrapper in wrappers:
            handle = wrapper.optimizer.register_step_pre_hook(self._on_step)
            self.undo.append(handle.remove)
            # A scaler has looked before it clips.
            clips = getattr(wrapper, 'clip_grad_kwargs', None)
            if clips and not hasattr(wrapper, 'loss_scaler'):
                clip = wrapper.clip_func
                self.undo.append(partial(setattr, wrapper, 'clip_func', clip))
                wrapper.clip_func = self._before(clip, wrapper.optimizer)

    def start(self) -> None:
        """Begin an iteration."""
        self.called = []

    def remove(self) -> None:
        """Leave the optimizers and their wrappers as they were."""
        for undo in self.undo:
            undo()

    def gradients(self, optimizer: Optimizer | None = None) -> list[Tensor]:
        """Return the gradients that there are, of one or of all."""
        return [
            parameter.grad
            for one in ([optimizer] if optimizer else self.optimizers)
            for group in one.param_groups
            for parameter in group['params']
            if parameter.grad is not None
        ]

    def _before(
        self, clip: Callable[..., Any], optimizer: Optimizer
    ) -> Callable[..., Any]:
        def call_and_clip(*args: Any, **kwargs: Any) -> Any:
            self._call_once(optimizer)
            return clip(*args, **kwargs)

        return call_and_clip

    def _on_step(self, optimizer: Optimizer, *_: Any) -> None:
        # Of a scaler whose optimizer leaves the step out by itself.
        found = getattr(optimizer, 'found_inf', None)
        if found is None or not bool(found):
            self._call_once(optimizer)

    def _call_once(self, optimizer: Optimizer) -> None:
        if optimizer not in self.called:
            self.called.append(optimizer)
            self.call(optimizer)
