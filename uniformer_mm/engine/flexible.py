"""The runner that MMEngine's strategies need, with the check of data."""

from __future__ import annotations

from typing import Any

from mmengine.runner._flexible_runner import FlexibleRunner

from uniformer_mm.engine.data_checking import DataChecks
from uniformer_mm.engine.defaults import Resumes
from uniformer_mm.engine.processes import (
    Processes,
    ddp_of_a_cpu,
    join_processes,
    on_cpu,
)
from uniformer_mm.registry import RUNNERS

__all__ = ['DataCheckFlexibleRunner']

# What ``Runner`` reads of a config and ``FlexibleRunner`` does not -> where
# the same is said to the latter.
ELSEWHERE = {
    'sync_bn': 'strategy.sync_bn',
    'model_wrapper_cfg': 'strategy.model_wrapper',
    'find_unused_parameters': 'strategy.model_wrapper.find_unused_parameters',
}


@RUNNERS.register_module()
class DataCheckFlexibleRunner(DataChecks, Resumes, Processes, FlexibleRunner):
    """MMEngine's ``FlexibleRunner`` with the checks of ``DataCheckRunner``.

    MMEngine's strategies (FSDP, DeepSpeed) and ours need this runner::

        runner_type = 'uniformer_mm.DataCheckFlexibleRunner'
        strategy = dict(type='uniformer_mm.BlockFSDPStrategy')
    """

    @classmethod
    def from_cfg(cls, cfg: Any) -> Any:
        """See ``FlexibleRunner.from_cfg``.

        Raises:
            ValueError: The config has a setting that only ``Runner`` reads.
        """
        for key, place in ELSEWHERE.items():
            if cfg.get(key):
                raise ValueError(
                    f'{key} is not read by FlexibleRunner, got '
                    f'{key}={cfg[key]!r}; set {place} and {key}=None'
                )
        if cfg.get('env_cfg') is None:
            cfg.update(env_cfg={})
        return super().from_cfg(cfg)

    def build_strategy(
        self,
        strategy: Any = None,
        launcher: str = 'none',
        randomness: dict[str, Any] | None = None,
        env_cfg: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """See ``FlexibleRunner.build_strategy``; without a GPU by gloo."""
        env_cfg = env_cfg or {}
        join_processes(launcher, env_cfg.get('dist_cfg'))
        if launcher != 'none' and strategy is None:
            strategy = {'type': 'DDPStrategy'}
        if (
            isinstance(strategy, dict)
            and strategy.get('type') == 'DDPStrategy'
            and on_cpu()
        ):
            options = strategy.get('model_wrapper') or {}
            strategy['model_wrapper'] = ddp_of_a_cpu(**options)
        return super().build_strategy(
            strategy, launcher, randomness or {}, env_cfg, **kwargs
        )
