"""Inference on a CPU in tiles, so that wide activations stay in its cache.

The hidden activations of an MLP are three to four times its input; on a map of
200 x 336 tokens they are fetched from main memory, and the operating system
has to hand out the pages anew in each call. A tile of tokens needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from uniformer_mm.backbones.graphs import in_graph

__all__ = ['split_tokens', 'tiles_pay']

# Of 256 to 2048 hidden channels: 2 to 16 MiB in float32. Smaller tiles are no
# faster, and each parallel loop waits long where other programs run as well.
TOKENS_PER_THREAD = 2048


def tiles_pay(module: nn.Module, tokens: Tensor) -> bool:
    """Whether ``module`` may and should change its input tile by tile.

    Args:
        module: It must be in eval mode: batch norms then treat each token by
            itself.
        tokens: (..., C), contiguous where tiles are to be views of it.
    """
    return (
        tokens.device.type == 'cpu'
        and not module.training
        and not torch.is_grad_enabled()
        and tokens.is_contiguous()
        and not in_graph()
    )


def split_tokens(*tokens: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield tiles of equal tokens: n x (..., C) -> n x (L, C), views."""
    # (..., C) -> (L, C)
    flat = [x.view(-1, x.shape[-1]) for x in tokens]
    most = TOKENS_PER_THREAD * torch.get_num_threads()
    count = max(1, -(-flat[0].shape[0] // most))  # an empty batch: one tile
    return zip(*(x.chunk(count) for x in flat), strict=True)
