"""Linear layers of inference on a CPU, by oneDNN, with their weights packed.

oneDNN multiplies faster than the library behind ``torch.nn.functional.linear``
once a weight lies in blocks as its kernels read it, and its kernels apply a
GELU while the result is still in cache. Packing takes as long as multiplying
some hundred tokens, so it is done in each call with many tokens, and once for
all in the deployed form, whose weights are final.

torch has operations for this, which are not public: ``torch.compile`` uses
them for weights that it may pack.
"""

from __future__ import annotations

import platform
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from uniformer_mm.backbones.graphs import (
    in_graph,
    onednn_takes,
    operations_are_watched,
)

__all__ = ['Packable', 'PackedLinear']

LEAST_TOKENS = 1024  # for a weight that is packed for one call
# Measured on x86 alone.
AVAILABLE = platform.machine() in ('x86_64', 'AMD64') and all(
    hasattr(torch.ops.mkldnn, name)
    for name in ('_linear_pointwise', '_reorder_linear_weight')
)


class _Kept(NamedTuple):
    """A packed weight, and what tells whether it is still that weight."""

    weight: Tensor
    values: Tensor  # keeps the memory, lest other values get its address
    version: int
    packed: Tensor

    def is_of(self, weight: Tensor) -> bool:
        return (
            self.weight is weight
            and self.values.data_ptr() == weight.data_ptr()
            and self.version == weight._version
        )


class Packable(nn.Module):
    """A layer that multiplies tokens by a weight.

    Attributes:
        weight (Tensor): (out, C) or (out, C, 1, ...).
        bias (Tensor | None): (out,).
        keeps_packed (bool): Whether a packed copy of the weight stays for
            later calls, if it needs no gradient. A copy of a changed weight is
            replaced; only changes that torch does not count (through
            ``weight.data``, NumPy, another process) go unseen.
    """

    weight: Tensor
    keeps_packed = False
    _kept: _Kept | None = None

    @property
    def holds_packed(self) -> bool:
        """Whether a packed copy of the weight is there now."""
        return self._kept is not None

    def packing_pays(self, tokens: Tensor) -> bool:
        """Whether ``multiply`` may and should be used; tokens (..., C)."""
        weight: Tensor = self.weight
        bias: Any = self.bias
        parts = (tokens, weight) if bias is None else (tokens, weight, bias)
        return (
            AVAILABLE
            and not in_graph()
            and (self._keeps() or tokens.shape[:-1].numel() >= LEAST_TOKENS)
            and not torch.is_grad_enabled()
            and not operations_are_watched()
            and onednn_takes(*parts)
            # oneDNN is told no strides of a bias.
            and (bias is None or bias.is_contiguous())
            and not weight.is_inference()  # torch does not count its changes
            and tokens.shape[-1] == weight.shape[1]  # else torch tells why
        )

    def multiply(self, tokens: Tensor, *, gelu: bool = False) -> Tensor:
        """(..., C) -> (..., out), followed by a GELU on request."""
        # The last word is of the GELU: by the error function, not by tanh.
        then = ['gelu', [], 'none'] if gelu else ['none', [], '']
        y: Tensor = torch.ops.mkldnn._linear_pointwise(
            tokens, self._packed(), self.bias, *then
        )
        return y

    def _keeps(self) -> bool:
        return self.keeps_packed and not self.weight.requires_grad

    def _packed(self) -> Tensor:
        kept = self._kept
        if kept is not None and kept.is_of(self.weight):
            return kept.packed
        values = self.weight.detach()
        # (out, C, 1, ...) -> (out, C); the number of tokens is a hint.
        packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(
            values.flatten(1), LEAST_TOKENS
        )
        if self._keeps():
            version = values._version
            self._kept = _Kept(self.weight, values, version, packed)
        return packed

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        self._kept = None  # on its way to another device, it frees this memory
        return super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: all but the packed weight."""
        return {**super().__getstate__(), '_kept': None}  # type: ignore[no-untyped-call]


class PackedLinear(Packable, nn.Linear):
    """``nn.Linear``, by ``Packable.multiply`` where that pays.

    NOTE: tools that look for the very class ``nn.Linear``, like
    ``torch.ao.quantization``, pass by it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        if self.packing_pays(x):
            return self.multiply(x)
        return super().forward(x)
