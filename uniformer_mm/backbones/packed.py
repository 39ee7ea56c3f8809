"""Linear layers of inference on a CPU, by oneDNN, with their weights packed.

oneDNN multiplies faster than the library behind ``torch.nn.functional.linear``
once a weight lies in blocks as its kernels read it, and its kernels apply a
GELU while the result is still in cache. Packing takes as long as multiplying
some hundred tokens, so it is done in each call with many tokens, and once for
all in the deployed form, whose weights are final.
"""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

from uniformer_mm.backbones.graphs import holds_values, in_graph

__all__ = ['Packable', 'PackedLinear']

LEAST_TOKENS = 1024  # for a weight that is packed for one call
# torch.compile uses these operations for weights that it may pack. Measured
# on x86 alone.
AVAILABLE = platform.machine() in ('x86_64', 'AMD64') and all(
    hasattr(torch.ops.mkldnn, name)
    for name in ('_linear_pointwise', '_reorder_linear_weight')
)


class Packable(nn.Module):
    """A layer that multiplies tokens by a weight.

    Attributes:
        weight (Tensor): (out, C) or (out, C, 1, ...).
        bias (Tensor | None): (out,).
        keeps_packed (bool): Whether a packed copy of the weight stays for
            later calls. It is made anew when the weight changes; only changes
            through ``weight.data``, which torch does not count, go unseen.
    """

    weight: Tensor
    keeps_packed = False
    _kept: tuple[Any, ...] | None = None

    @property
    def holds_packed(self) -> bool:
        """Whether a packed copy of the weight is there now."""
        return self._kept is not None

    def packs(self, tokens: Tensor) -> bool:
        """Whether ``multiply`` may and should be used; tokens (..., C)."""
        weight = self.weight
        return (
            AVAILABLE
            and not in_graph()
            and tokens.device.type == 'cpu'
            and tokens.dtype == weight.dtype == torch.float32
            and not torch.is_grad_enabled()
            and not torch.is_autocast_enabled('cpu')
            and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
            and bool(torch.backends.mkldnn.enabled)
            and holds_values(tokens)
            and holds_values(weight)
            and not weight.is_inference()  # its changes are not counted
            # Counters of operations and the like know torch's own.
            and _get_current_dispatch_mode() is None  # type: ignore[no-untyped-call]
            and (
                self.keeps_packed or tokens.shape[:-1].numel() >= LEAST_TOKENS
            )
        )

    def multiply(self, tokens: Tensor, *, gelu: bool = False) -> Tensor:
        """(..., C) -> (..., out), followed by a GELU on request."""
        name, algorithm = ('gelu', 'none') if gelu else ('none', '')
        y: Tensor = torch.ops.mkldnn._linear_pointwise(
            tokens, self._packed(), self.bias, name, [], algorithm
        )
        return y

    def _packed(self) -> Tensor:
        weight, kept = self.weight, self._kept
        state = id(weight), weight.data_ptr(), weight._version
        if kept is not None and kept[0] == state:
            return kept[-1]
        # (out, C, 1, ...) -> (out, C); the number of tokens is a hint.
        packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(
            weight.detach().flatten(1), LEAST_TOKENS
        )
        if self.keeps_packed:
            # The weight itself too, lest another gets its id.
            self._kept = state, weight, packed
        return packed

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        self._kept = None  # there may be other values at the same address
        return super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: all but the packed weight."""
        return {**self.__dict__, '_kept': None}


class PackedLinear(Packable, nn.Linear):
    """``nn.Linear``, by ``Packable.multiply`` where that pays."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        if self.packs(x):
            return self.multiply(x)
        return super().forward(x)
