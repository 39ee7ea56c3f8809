"""Stop where a training's numbers go wrong, and keep what shows why."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from torch import Tensor
from torch.optim import Optimizer

from uniformer_mm.checks import check_choice, check_count, check_int
from uniformer_mm.engine.bad_step import first_bad, save_step
from uniformer_mm.engine.before_steps import BeforeSteps
from uniformer_mm.engine.find_bad import (
    bad_names,
    files_of,
    not_finite,
    statistics_of,
)
from uniformer_mm.engine.random_state import get_random_state
from uniformer_mm.registry import HOOKS

__all__ = ['NonFiniteError', 'NonFiniteHook']

ADVICE = (
    'Where the input is at fault, mend or remove these files. Else lower the '
    'learning rate or lengthen its warm-up, clip gradients '
    '(optim_wrapper.clip_grad.max_norm), train without mixed precision '
    '(optim_wrapper.type=OptimWrapper) or with attn_fp32=True in the backbone'
)


class NonFiniteError(RuntimeError):
    """A loss, a gradient or a statistic is NaN or infinite."""


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Stop at the first loss, gradient or statistic that is not finite.

    Looks at gradients and at the running statistics of batch norms before
    each step of the optimizer, and after each iteration without one, where
    gradients are added up; at the losses after it, and at all weights before
    a checkpoint is written. Weights and statistics are then as before the
    iteration: nothing that is wrong gets into them. The message names what
    went wrong first, the samples' files, and a file from which
    ``uniformer-mm reproduce`` does the step again.

    On a GPU it waits for the backward before each step of the optimizer;
    MMEngine, which logs each loss, waits after it in any case.

    A step that a gradient scaler skips, because scaled gradients are not
    finite, is no fault, unless there are too many in a row.

    Args:
        action (str): 'stop'; 'skip' takes no step with that batch, says so
            and goes on. What was added up for that step is lost with it.
            Defaults to 'stop'.
        max_skips (int): With 'skip', stop at one more than these. Defaults
            to 10.
        max_scaler_skips (int): Stop when the gradient scaler skips more steps
            in a row, >= 1. Defaults to 20: from its first scale of 65536 it
            is then far below 1.

    Raises:
        ValueError: An argument breaks its rule.

    Examples:
        >>> default_hooks = dict(
        ...     non_finite=dict(type='uniformer_mm.NonFiniteHook',
        ...                     action='skip'))
    """

    # Before the losses are logged.
    priority = 'HIGHEST'

    def __init__(
        self,
        action: str = 'stop',
        max_skips: int = 10,
        max_scaler_skips: int = 20,
    ) -> None:
        check_choice('action', action, ('stop', 'skip'))
        check_int('max_skips', max_skips, 0)
        check_count('max_scaler_skips', max_scaler_skips)
        self.action = action
        self.max_skips = max_skips
        self.max_scaler_skips = max_scaler_skips
        self.skips = 0
        self.scaler_skips = 0

    def before_train(self, runner: Any) -> None:
        """Look at gradients before each step of the optimizers."""
        self.statistics = statistics_of(runner.model)
        self.kept = [value.clone() for value in self.statistics]
        self.steps = BeforeSteps(
            runner.optim_wrapper,
            lambda optimizer: self._before_step(runner, optimizer),
        )

    def after_train(self, runner: Any) -> None:
        """Leave the optimizers as they were."""
        self.steps.remove()

    def before_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Keep what the iteration changes, for going back to it."""
        self.batch = data_batch
        self.random_state = get_random_state()
        self.steps.start()
        self.skipped = False
        if self.statistics:
            torch._foreach_copy_(self.kept, self.statistics)

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Look at the losses, and at whether the scaler skipped the step.

        Raises:
            NonFiniteError: A loss is not finite, or too many steps in a row
                were skipped.
        """
        losses = [
            (name, torch.as_tensor(value))
            for name, value in (outputs or {}).items()
            # As MMEngine sums them.
            if isinstance(value, (Tensor, float)) and 'loss' in name
        ]
        # On all ranks, before one of them may raise.
        where = ''
        if not self.steps.called:
            # What is added up for a later step.
            grads = [] if self.steps.scaled else self.steps.gradients()
            where = not_finite(runner.model, grads, self.statistics)
        if not self.skipped and (bad := bad_names(losses)):
            where = f'the loss {bad[0]}'
        if where:
            self._fault(runner, where)
        if self.skipped and outputs:
            outputs.clear()  # from the log, whose averages would be NaN
        elif not self.skipped:
            self._count_scaler_skips(runner)

    def before_save_checkpoint(
        self, runner: Any, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse to write weights that are not finite.

        Raises:
            NonFiniteError: Some are.
        """
        for entry in ('state_dict', 'ema_state_dict'):
            bad = bad_names(
                (key, value)
                for key, value in checkpoint.get(entry, {}).items()
                if isinstance(value, Tensor)
            )
            if bad:
                raise NonFiniteError(
                    f'{len(bad)} tensors of {entry} are not finite, '
                    f'{", ".join(bad[:3])} first: no checkpoint is written, '
                    f'the ones before are whole. {ADVICE}'
                )

    def _before_step(self, runner: Any, optimizer: Optimizer) -> None:
        grads = self.steps.gradients(optimizer)
        if bad := not_finite(runner.model, grads, self.statistics):
            self._fault(runner, bad)

    def _count_scaler_skips(self, runner: Any) -> None:
        wrapper = runner.optim_wrapper
        scaler: Any = getattr(wrapper, 'loss_scaler', None)
        if self.steps.called:
            self.scaler_skips = 0
        elif scaler is not None and wrapper.should_update():
            self.scaler_skips += 1
        if self.scaler_skips > self.max_scaler_skips:
            self.action = 'stop'
            self._fault(
                runner,
                f'a gradient, scaled by {scaler.get_scale():g}, in '
                f'{self.scaler_skips} iterations in a row',
            )

    def _fault(self, runner: Any, what: str) -> None:
        """Go back to before the iteration; raise, or count it as skipped."""
        self._restore_statistics()
        self.skipped = self.action == 'skip' and self.skips < self.max_skips
        self.skips += 1
        loader = runner.train_dataloader
        indices: Any = getattr(loader, 'indices', lambda _: ())
        files = files_of(self.batch, loader.dataset, indices(runner.iter))
        saved = save_step(runner, what, files, self.batch, self.random_state)
        try:
            first = first_bad(runner, self.batch, self.random_state)
        finally:
            self._restore_statistics()
        message = (
            f'iteration {runner.iter + 1}: {what} is not finite. First bad: '
            f'{first}. Samples: '
            f'{", ".join(files) or "not named by the data"}. {saved}'
        )
        for optimizer in self.steps.optimizers:
            optimizer.zero_grad()  # to None: a step then does nothing
        if not self.skipped:
            raise NonFiniteError(f'{message}\n{ADVICE}')
        runner.logger.warning(
            f'{message}. Skipped, {self.skips} of at most {self.max_skips}'
        )

    def _restore_statistics(self) -> None:
        if self.statistics:
            torch._foreach_copy_(self.statistics, self.kept)
