"""Count what one part of a model after the other costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

__all__ = ['Meter', 'Part']


@dataclass(frozen=True)
class Part:
    """One part of a model.

    Attributes:
        name (str): Its name in the model, such as 'roi_head.mask_head.0'.
        params (int): Number of parameters, frozen ones too.
        macs (int): Multiply-adds for one view; 0 if it is not run in tests.
    """

    name: str
    params: int
    macs: int


class Meter:
    """Runs parts of a model and keeps what each costs.

    Args:
        model: In evaluation mode, without parameters that need gradients:
            the counter can't follow these where no gradients are made.

    Attributes:
        parts (list[Part]): What was run, in that order.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.parts: list[Part] = []
        self.counted: set[int] = set()

    def run(self, name: str, *inputs: Any) -> Any:
        """Run the part of that name; return what it returns."""
        part = self.model.get_submodule(name)
        counter = FlopCounterMode(display=False)
        # torch counts nothing of the fused attention of a CPU, but the
        # matrix products of the plain one.
        with sdpa_kernel(SDPBackend.MATH), counter:
            output = part(*inputs)
        # torch counts a product and a sum each.
        macs = counter.get_total_flops() // 2
        self.parts.append(Part(name, self.count(part), macs))
        return output

    def run_features(self, x: Tensor) -> Any:
        """Run the backbone, and the neck if there is one."""
        maps = self.run('backbone', x)
        return self.run('neck', maps) if self.model.with_neck else maps

    def note_the_rest(self) -> None:
        """Add the parameters of what was not run."""
        for name, child in self.model.named_children():
            params = self.count(child)
            if params:
                self.parts.append(Part(name, params, 0))

    def count(self, module: nn.Module) -> int:
        """Number of parameters that were not counted before."""
        new = [p for p in module.parameters() if id(p) not in self.counted]
        self.counted |= {id(p) for p in new}
        return sum(p.numel() for p in new)
