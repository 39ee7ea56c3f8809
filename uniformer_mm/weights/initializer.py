"""Official weights as the start of a training: ``init_cfg`` of MMEngine."""

from __future__ import annotations

from typing import Any

from torch import nn

from uniformer_mm.registry import WEIGHT_INITIALIZERS
from uniformer_mm.weights.load import load_backbone
from uniformer_mm.weights.reading import listed

__all__ = ['UniFormerPretrained']


@WEIGHT_INITIALIZERS.register_module()
class UniFormerPretrained:
    """Initialisation by official weights, for ``init_cfg``.

    Unlike MMEngine's ``Pretrained`` it unwraps and converts every official
    kind of file, and refuses what does not fit.

    Args:
        checkpoint (str): As ``source`` of ``load_backbone``.
        **options (Any): Further arguments of ``load_backbone``.

    Raises:
        TypeError: ``load_backbone`` has no such argument.

    Examples:
        >>> init_cfg = dict(
        ...     type='uniformer_mm.UniFormerPretrained',
        ...     checkpoint='uniformer_small_in1k.pth')
    """

    def __init__(self, checkpoint: str, **options: Any) -> None:
        known = list(load_backbone.__kwdefaults__ or ())
        unknown = [name for name in options if name not in known]
        if unknown:
            raise TypeError(
                f'unknown {listed(unknown)}; besides checkpoint, '
                f'UniFormerPretrained takes {listed(known)}'
            )
        self.checkpoint = checkpoint
        self.options = options

    def __call__(self, module: nn.Module) -> None:
        """Load the weights into ``module``."""
        load_backbone(module, self.checkpoint, **self.options)
