"""What attention blocks got in one forward pass, kept by hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from uniformer_mm.models.blocks import AttentionBlock, SplitAttentionBlock

__all__ = ['Call', 'outputs_of', 'record']


@dataclass
class Call:
    """One call of an attention block.

    Attributes:
        block (AttentionBlock): The block.
        shape (tuple[int]): Axes of its map, ([T,] H, W).
        tokens (Tensor): What its attention got: a map (1, [T,] H, W, C); of
            light models tokens (1, L, C), the class token first; of split
            blocks frames (T, H * W, C).
        over_time (Tensor | None): What a split block's attention over time
            got, (H * W, T, C).
        scores (Tensor | None): What a ``ShrinkBlock`` got as scores of the
            tokens, (1, [T,] H, W).
    """

    block: AttentionBlock
    shape: tuple[int, ...] = ()
    tokens: Tensor = field(default_factory=lambda: torch.empty(0))
    over_time: Tensor | None = None
    scores: Tensor | None = None


@torch.no_grad()
def record(
    backbone: nn.Module, inputs: Tensor, blocks: Mapping[str, AttentionBlock]
) -> dict[str, Call]:
    """Run a backbone, and keep what its attention blocks get.

    Args:
        backbone: A ``UniFormer`` or ``UniFormerLight``, deployed or not.
        inputs: (1, C, [T,] H, W).
        blocks: Name -> block of ``backbone``.
    """
    calls = {name: Call(block) for name, block in blocks.items()}
    handles = []
    for call in calls.values():
        block: Any = call.block
        handles += [
            block.register_forward_pre_hook(_of_block(call)),
            block.attn.register_forward_pre_hook(_of_attention(call)),
        ]
        if isinstance(block, SplitAttentionBlock):
            hook = _of_time(call)
            handles.append(block.t_attn.register_forward_pre_hook(hook))
    try:
        backbone(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _of_block(call: Call) -> Callable[..., None]:
    def hook(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        x, *state = args
        call.shape = tuple(x.shape[2:])
        call.scores = state[1] if len(state) > 1 else None

    return hook


def _of_attention(call: Call) -> Callable[..., None]:
    def hook(_: nn.Module, args: tuple[Any, ...]) -> None:
        call.tokens = args[0]

    return hook


def _of_time(call: Call) -> Callable[..., None]:
    def hook(_: nn.Module, args: tuple[Any, ...]) -> None:
        call.over_time = args[0]

    return hook


@contextmanager
def outputs_of(
    blocks: Mapping[str, nn.Module], *, grad: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Keep the maps that blocks give while inside.

    Args:
        blocks: Name -> block.
        grad: Make each map something to take gradients for; those of frozen
            parameters, as deployed models have, are not needed.

    Yields:
        dict: Name -> map (N, C, [T,] H, W).
    """
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., Any]:
        def hook(_: nn.Module, __: Any, output: Any) -> Any:
            # Light blocks pass the class token and scores along.
            x, *state = output if isinstance(output, tuple) else (output,)
            if grad and not x.requires_grad:
                x = x.detach().requires_grad_()
            kept[name] = x
            return (x, *state) if state else x

        return hook

    handles = [
        block.register_forward_hook(keep(name))
        for name, block in blocks.items()
    ]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()
