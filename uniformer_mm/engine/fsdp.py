"""Parameters, gradients and optimizer states shared out over the ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine._strategy import DDPStrategy, SingleDeviceStrategy
from mmengine.device import get_device
from mmengine.dist import is_main_process
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._pytree import tree_map_only

from uniformer_mm.engine.processes import norms_of_a_cpu, on_cpu
from uniformer_mm.models.blocks import Block
from uniformer_mm.registry import STRATEGIES

__all__ = ['BlockFSDPStrategy']


@STRATEGIES.register_module()
class BlockFSDPStrategy(DDPStrategy):
    """Fully sharded data parallelism, block by block of the backbone.

    Each rank holds its part of every parameter, gradient and optimizer state.
    The parameters of a block are gathered for its forward and its backward
    pass alone; those of all else (stem, neck, heads) from the first to the
    last. Checkpoints are those of one process: every strategy and runner, with
    any number of ranks, resumes them.

    torch's ``fully_shard`` does it, which leaves names and shapes as they are:
    ``LayerDecayOptimWrapperConstructor`` and weight decay by shape give each
    parameter what they give it without sharding. Recomputation is
    ``with_cp`` of the backbone. Copies of the model (EMA) can't be made of
    shares.

    Args:
        **kwargs: Of MMEngine's ``DDPStrategy``, but ``model_wrapper``.

    Raises:
        ImportError: torch is older than 2.6.
        ValueError: ``model_wrapper`` is given, or the model has no block.
    """

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get('model_wrapper') is not None:
            raise ValueError(
                'BlockFSDPStrategy wraps no model and takes no model_wrapper, '
                f'got {kwargs["model_wrapper"]!r}'
            )
        super().__init__(**kwargs)

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        # Not on top: torch 2.5 has no such name.
        from torch.distributed.fsdp import fully_shard

        blocks = [part for part in model.modules() if isinstance(part, Block)]
        if not blocks:
            raise ValueError(
                'BlockFSDPStrategy needs a model with blocks of UniFormer, '
                f'got {type(model).__name__} without one'
            )
        if on_cpu():
            model = norms_of_a_cpu(model, self.logger)
        device = torch.device(get_device())
        model = self.convert_model(model.to(device))
        ranks = torch.distributed.get_world_size()
        mesh = init_device_mesh(device.type, (ranks,))
        for part in (*blocks, model):
            fully_shard(part, mesh=mesh)
        hook: Any = model.register_load_state_dict_pre_hook
        hook(share_out)
        return model

    def model_state_dict(self) -> dict[str, Any]:
        """Gather the whole weights, on the CPU; every rank must call it."""
        return gathered(self.model.state_dict())

    def optim_state_dict(self) -> dict[str, Any]:
        """Gather the optimizer's states, on the CPU, as one process has them.

        Every rank must call it.
        """
        return gathered(self.optim_wrapper.state_dict())

    def load_optim_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take this rank's part of what ``optim_state_dict`` returned."""
        groups = self.optim_wrapper.optimizer.param_groups
        parameters = [p for group in groups for p in group['params']]
        states = {
            index: {
                name: like(value, parameters[index])
                for name, value in state.items()
            }
            for index, state in state_dict['state'].items()
        }
        super().load_optim_state_dict({**state_dict, 'state': states})

    def save_checkpoint(
        self,
        filename: str,
        *,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        extra_ckpt: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
    ) -> None:
        """Gather on all ranks; the first writes, as ``DDPStrategy`` does."""
        if is_main_process():
            SingleDeviceStrategy.save_checkpoint(
                self,
                filename,
                save_optimizer=save_optimizer,
                save_param_scheduler=save_param_scheduler,
                extra_ckpt=extra_ckpt,
                callback=callback,
            )
            return
        self.model_state_dict()
        if save_optimizer and hasattr(self, 'optim_wrapper'):
            self.optim_state_dict()


def gathered(states: Any) -> Any:
    """Return ``states`` with shares replaced by whole tensors on the CPU."""
    return tree_map_only(DTensor, lambda t: t.full_tensor().cpu(), states)


def like(value: Any, own: Any) -> Any:
    """Return a whole tensor shared out as ``own`` is; all else as it is."""
    if (
        not isinstance(own, DTensor)
        or not isinstance(value, Tensor)
        or isinstance(value, DTensor)
        or value.shape != own.shape
    ):
        return value
    value = value.to(own.device)
    return distribute_tensor(value, own.device_mesh, own.placements)


def share_out(
    model: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any
) -> None:
    """Make whole weights fit a model in shares, whoever loads them."""
    for name, own in model.state_dict(prefix=prefix).items():
        if name in state_dict:
            state_dict[name] = like(state_dict[name], own)
