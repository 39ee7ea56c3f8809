"""Metrics of the untrained model, to see the gain of a training by."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from uniformer_mm.registry import HOOKS

__all__ = ['EvaluateFirstHook']


@HOOKS.register_module()
class EvaluateFirstHook(Hook):
    """Evaluate once before training, so that the gain can be seen.

    The metrics of the untrained model are logged like those of any epoch. A
    training that is resumed has them.
    """

    def before_train(self, runner: Runner) -> None:
        """Run the validation loop of ``runner`` once.

        Raises:
            ValueError: The config has no validation loop.
        """
        if runner.val_loop is None:
            raise ValueError(
                'EvaluateFirstHook needs val_dataloader, val_cfg and '
                'val_evaluator in the config, got none'
            )
        if runner.iter == 0:
            runner.val_loop.run()
