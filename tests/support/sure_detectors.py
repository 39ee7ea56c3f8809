"""Detectors that are untrained and yet sure of what they find.

Of a fresh detector all scores are next to equal, and which boxes come first is
a matter of rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# Layer -> standard deviation of what it gives.
SPREADS = {
    'rpn_cls': 0.7,
    'rpn_reg': 0.5,
    'fc_cls': 3.0,
    'fc_reg': 0.5,
    'conv_logits': 2.0,
}


@torch.no_grad()
def make_sure(model: Any, run: Any) -> None:
    """Spread scores and boxes of a detector, over what ``run`` shows it."""
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if not name.startswith('backbone') and parameter.ndim > 1:
            std = (2.0 / parameter[0].numel()) ** 0.5
            parameter.normal_(0, std, generator=generator)

    def spread(std: float) -> Any:
        def hook(layer: Any, _: Any, output: Tensor) -> Tensor:
            factor = std / float(output.std())
            layer.weight.mul_(factor)
            layer.bias.zero_()
            return output * factor

        return hook

    layers: list[tuple[str, nn.Module]] = list(model.named_modules())
    hooks = [
        layer.register_forward_hook(spread(SPREADS[name.rpartition('.')[2]]))
        for name, layer in layers
        if name.rpartition('.')[2] in SPREADS
    ]
    run()
    for hook in hooks:
        hook.remove()
