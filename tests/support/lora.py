"""Low-rank adapters, built from a layer the way peft does."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Lora(nn.Module):
    """A layer and what is learnt beside it.

    NOTE: a convolution's adapters are of its very class, with the arguments
    of torch's own.
    """

    def __init__(self, base: Any, rank: int = 2) -> None:
        super().__init__()
        self.base_layer = base.requires_grad_(False)
        self.down: nn.Module
        self.up: nn.Module
        if isinstance(base, nn.Linear):
            self.down = nn.Linear(base.in_features, rank, bias=False)
            self.up = nn.Linear(rank, base.out_features, bias=False)
        else:
            kind = type(base)
            self.down = kind(
                base.in_channels,
                rank,
                base.kernel_size,
                base.stride,
                base.padding,
                bias=False,
            )
            self.up = kind(rank, base.out_channels, 1, 1, bias=False)
        nn.init.zeros_(self.up.weight)

    @property
    def weight(self) -> Tensor:
        """That of the layer without its adapters, as in peft."""
        return self.base_layer.weight

    @property
    def bias(self) -> Tensor | None:
        return self.base_layer.bias

    def forward(self, x: Tensor) -> Tensor:
        return self.base_layer(x) + self.up(self.down(x))


def inject(model: nn.Module, targets: list[str]) -> None:
    """Adapt the layers of these names; freeze all else."""
    model.requires_grad_(False)
    for target in targets:
        parent, _, name = target.rpartition('.')
        layer = model.get_submodule(target)
        setattr(model.get_submodule(parent), name, Lora(layer))
