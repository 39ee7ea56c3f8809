"""Layers of deployed models, which keep their weights packed for a CPU.

What packing is, and where it is exact, is told in ``fast.linear``. A deployed
model's weights are final, so here they are packed once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from uniformer_mm.fast.leaves import fast_layer
from uniformer_mm.fast.linear import PACKERS, linear, pack, pointwise

__all__ = [
    'PACKED',
    'PackedConv2d',
    'PackedConv3d',
    'PackedLayer',
    'PackedLinear',
]


class _Kept(NamedTuple):
    """A packed weight, and what tells whether it is still that weight."""

    weight: Tensor
    values: Tensor  # keeps the memory, lest other values get its address
    version: int
    sums: Tensor
    packed: Tensor

    def is_of(self, weight: Tensor) -> bool:
        return (
            self.weight is weight
            and self.values.data_ptr() == weight.data_ptr()
            and self.version == weight._version
            # Fused optimizers, averages that swap ``weight.data`` and NumPy
            # write what torch counts not.
            and torch.equal(self.sums, row_sums(weight))
        )


def row_sums(weight: Tensor) -> Tensor:
    """(out, C, ...) -> (out,), a hundredth of what multiplying costs."""
    return weight.detach().flatten(1).sum(1)


class PackedLayer(nn.Module):
    """A layer whose packed weight stays for later calls.

    By itself it is the class of torch's that it derives from; fast forms use
    the packed weight. It stays if the weight needs no gradient, and is packed
    anew where that has changed. A change that torch does not count (through
    ``weight.data``, NumPy, a fused optimizer, another process) is seen by the
    sums of the rows.

    Attributes:
        weight (Tensor): (out, C) or (out, C, 1, ...).
    """

    weight: Tensor
    _kept: _Kept | None = None

    @property
    def holds_packed(self) -> bool:
        """Whether a packed copy of the weight is there now."""
        return self._kept is not None

    def packed(self) -> Tensor:
        """Return the packed weight."""
        kept = self._kept
        if kept is not None and kept.is_of(self.weight):
            return kept.packed
        packed = pack(self)
        # torch counts no changes of tensors of inference mode.
        if not (self.weight.requires_grad or self.weight.is_inference()):
            values = self.weight.detach()
            self._kept = _Kept(
                self.weight,
                values,
                values._version,
                row_sums(values),
                packed,
            )
        return packed

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        self._kept = None  # on its way to another device, it frees this memory
        return super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: all but the packed weight."""
        return {**super().__getstate__(), '_kept': None}  # type: ignore[no-untyped-call]


class PackedLinear(PackedLayer, nn.Linear):
    """A ``PackedLayer`` for tokens."""


class PackedConv2d(PackedLayer, nn.Conv2d):
    """A ``PackedLayer`` for images, of kernel 1."""


class PackedConv3d(PackedLayer, nn.Conv3d):
    """A ``PackedLayer`` for videos, of kernel 1."""


# Layers that deploying swaps -> what for.
PACKED: dict[type, type[PackedLayer]] = {
    nn.Linear: PackedLinear,
    nn.Conv2d: PackedConv2d,
    nn.Conv3d: PackedConv3d,
}
PACKERS.update(dict.fromkeys(PACKED.values(), PackedLayer.packed))
fast_layer(PackedLinear, grad=False)(linear)
fast_layer(PackedConv2d, PackedConv3d, grad=False)(pointwise)
