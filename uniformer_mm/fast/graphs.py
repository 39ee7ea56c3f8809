"""What is stated otherwise in graphs.

Windows: torch divides a symbolic size in ways that only some sizes allow, and
specialises what it can't prove. Unfolding and indexing need none of that.

Sorting: the exporters to ONNX know no stable sort. TopK of ONNX is stable.

Checkpointing: a graph records a batch once by itself, and is not captured with
the contexts that see to it in eager mode.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from uniformer_mm.fast.path import graph_form


@graph_form('split_windows')
def split_windows(x: Tensor, size: int) -> Tensor:
    """(N, H, W, C) -> (N, rows, cols, size, size, C)."""
    # Unfold leaves what fills no window.
    x = F.pad(x, (0, 0, 0, size - 1, 0, size - 1))
    # (N, H, W, C) -> (N, rows, cols, C, size, size)
    x = x.unfold(1, size, size).unfold(2, size, size)
    # -> (N, rows, cols, size, size, C)
    return x.permute(0, 1, 2, 4, 5, 3).contiguous()


@graph_form('merge_windows')
def merge_windows(x: Tensor, h: int, w: int) -> Tensor:
    """(N, rows, cols, size, size, C) -> (N, h, w, C)."""
    size = x.shape[3]
    ys, row = _places(h, size, x.device)
    xs, col = _places(w, size, x.device)
    return x[:, row[:, None], col, ys[:, None], xs]


def _places(
    length: int, size: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the places of tokens in their windows, and their windows.

    NOTE: not by integer division, which torch 2.9 compiles for CPUs into a
    loop over whole windows alone, and so leaves the last places unset.
    """
    tokens = torch.arange(length, device=device)
    windows = ((tokens + 0.5) / size).long()
    return tokens - windows * size, windows


@graph_form('run_checkpointed')
def run_checkpointed(block: nn.Module, *args: Any) -> Any:
    """Run ``block`` and keep only its input for the backward pass."""
    return checkpoint(block, *args, use_reentrant=False)


@graph_form('order', onnx=True)
def order(scores: Tensor) -> tuple[Tensor, Tensor]:
    """(N, L) -> the scores in descending order, and their places."""
    values, places = scores.topk(scores.shape[1], dim=1)
    return values, places
