"""The runner of our configs: checks its data, resumes, and joins its ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from uniformer_mm.engine.class_data import (
    require_fitting_head,
    require_label_maps,
)
from uniformer_mm.engine.data_checking import DataChecks
from uniformer_mm.engine.defaults import Resumes
from uniformer_mm.engine.fused import fuse_steps
from uniformer_mm.engine.precision import fit_to_device
from uniformer_mm.engine.processes import (
    Processes,
    ddp_of_a_cpu,
    join_processes,
    norms_of_a_cpu,
    on_cpu,
)
from uniformer_mm.memory import keep_freed_memory
from uniformer_mm.registry import RUNNERS

__all__ = ['DataCheckRunner']

NAMES = (
    'uniformer_mm.DataCheckRunner',
    'uniformer_mm.DataCheckFlexibleRunner',
)


@RUNNERS.register_module()
class DataCheckRunner(DataChecks, Resumes, Processes, Runner):
    """MMEngine's ``Runner``, with a check of the data before it runs.

    It resumes to the numbers of an unbroken training (``Resumes``). fp16 of a
    config for GPUs becomes float32 on a CPU, where several processes run too;
    they are watched (``RankWatch``).

    A config selects it by ``runner_type='uniformer_mm.DataCheckRunner'``. The
    tools of mmpose and the tests of mmseg don't look at that key: they call
    ``Runner.from_cfg``, which importing this module makes look at it.
    """

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        """See ``Runner.setup_env``; without a GPU gloo is the backend."""
        if on_cpu():
            keep_freed_memory()
        join_processes(self.launcher, env_cfg.get('dist_cfg'))
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: Any, model: nn.Module) -> Any:
        """See ``Runner.wrap_model``; without a GPU as a CPU needs it."""
        if self.distributed and on_cpu():
            model = norms_of_a_cpu(model, self.logger)
        if model_wrapper_cfg is None and on_cpu():
            unused = self.cfg.get('find_unused_parameters', False)
            model_wrapper_cfg = ddp_of_a_cpu(find_unused_parameters=unused)
        return super().wrap_model(model_wrapper_cfg, model)

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """See ``Runner.build_optim_wrapper``; steps of Adam are fused."""
        built = super().build_optim_wrapper(fit_to_device(optim_wrapper))
        if isinstance(optim_wrapper, Mapping):
            fuse_steps(built)
        return built

    def build_train_loop(self, loop: Any) -> Any:
        """See ``Runner.build_train_loop``.

        Raises:
            FileNotFoundError: Pictures without a label map.
            ValueError: Classes of data and head differ.
        """
        built = super().build_train_loop(loop)
        self._check_classes(built)
        require_label_maps(built.dataloader.dataset)
        return built

    def build_val_loop(self, loop: Any) -> Any:
        """See ``Runner.build_val_loop``, and ``build_train_loop``."""
        built = super().build_val_loop(loop)
        self._check_classes(built)
        return built

    def build_test_loop(self, loop: Any) -> Any:
        """See ``Runner.build_test_loop``, and ``build_train_loop``."""
        built = super().build_test_loop(loop)
        self._check_classes(built)
        return built

    def _check_classes(self, loop: Any) -> None:
        model = self.model
        if is_model_wrapper(model):
            model = model.module
        require_fitting_head(model, loop.dataloader.dataset)


_from_cfg = Runner.from_cfg.__func__


# NOTE: this changes a method of MMEngine, because the tools of mmpose, and the
# tests of mmseg, call it without a look at ``runner_type``. A config that
# names another runner, or none, is built as ever.
def _from_cfg_of_the_named(cls: type[Runner], cfg: Any) -> Runner:
    if cls is Runner and cfg.get('runner_type') in NAMES:
        return RUNNERS.get(cfg.get('runner_type')).from_cfg(cfg)
    return _from_cfg(cls, cfg)


Runner.from_cfg = classmethod(_from_cfg_of_the_named)
