"""From a network to a graph of torch, in which sizes stay open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config

from uniformer_mm.exporting.networks import Network

__all__ = ['EXAMPLE_SIDE', 'MIN_SIDE', 'program_of']

MIN_SIDE = 32  # px, as the backbones
EXAMPLE_SIDE = 64  # px, at least: a map of one token has a constant side


def program_of(
    network: Network, example: Tensor, *, dynamic: bool
) -> ExportedProgram:
    """Export a network in torch's own way.

    Args:
        network: It is a module in eval mode.
        example: An input, of a batch of 2 or more where that is dynamic.
        dynamic: Whether the file takes other sizes than that of ``example``.

    Raises:
        ValueError: torch can't export it.
    """
    axes: dict[int, Any] = {0: Dim.DYNAMIC(min=1)}
    if dynamic:
        axes |= {axis: Dim.DYNAMIC(min=MIN_SIDE) for axis in network.dynamic}
    options: Mapping[str, Any] = {
        # What torch can't prove of all sizes is asked of each when it runs;
        # otherwise it would ask for sizes of which it can.
        'prefer_deferred_runtime_asserts_over_guards': True,
    }
    # A small map is one window, and one is no constant to torch then.
    settings: Any = _config
    oblivious = settings.patch(backed_size_oblivious=True)
    try:
        with oblivious, torch.no_grad():
            return torch.export.export(
                network,  # type: ignore[arg-type]
                (example,),
                dynamic_shapes=[axes],
                **options,
            )
    except Exception as error:  # torch raises many kinds
        raise ValueError(
            "torch.export can't export this model"
            f'{"" if dynamic else " at a fixed size"}: '
            f'{str(error).strip().splitlines()[0]}'
        ) from error
