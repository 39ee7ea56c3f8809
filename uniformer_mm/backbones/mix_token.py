"""A backbone that mixes images of a batch, token by token, in training.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``image_classification/token_labeling/tlt/models/uniformer.py``, Apache-2.0;
re-implemented from the published facts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from uniformer_mm.backbones.uniformer import UniFormer
from uniformer_mm.registry import MODELS

__all__ = ['MixTokenUniFormer']

Box = tuple[int, int, int, int]


@MODELS.register_module()
class MixTokenUniFormer(UniFormer):
    """``UniFormer`` that in training mixes a box of tokens into each image.

    The box is one for the batch, and what is in it comes from the opposite
    image of the reversed batch; it is cut right behind the stem, at stride 4,
    so that no pixel of one image is in a token of the other. The head must
    know the box: see ``TokenLabelClsHead``. Its weights, and what it gives in
    eval mode, are those of ``UniFormer``, whose arguments it takes.
    """

    def forward(self, x: Tensor) -> Any:
        """Compute the feature maps, and the box in training.

        Args:
            x (Tensor): As in ``UniFormer``.

        Returns:
            tuple[Tensor] | Tensor | tuple: What ``UniFormer`` returns; in
            training the pair of that and the box: top, left, bottom, right in
            tokens of stage 1.
        """
        outs, box = self.forward_features(x)
        maps = self.arrange(outs)
        return (maps, box) if self.training else maps

    def run_stage(self, i: int, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Run the blocks of stage ``i``; before the first, mix."""
        if i == 0 and self.training:
            state = top, left, bottom, right = draw_box(*x.shape[-2:])
            mixed = x.clone()
            mixed[..., top:bottom, left:right] = x.flip(0)[
                ..., top:bottom, left:right
            ]
            x = mixed
        return super().run_stage(i, x, state)


def draw_box(height: int, width: int) -> Box:
    """Draw a box of a share of the map that is uniform in [0, 1].

    Its centre may be anywhere, and it is cut at the borders.

    Returns:
        tuple[int]: Top, left, bottom, right.
    """
    side = np.sqrt(1 - np.random.beta(1.0, 1.0))
    edges = []
    for length in (height, width):
        half = int(length * side) // 2
        centre = np.random.randint(length)
        edges.append((max(centre - half, 0), min(centre + half, length)))
    (top, bottom), (left, right) = edges
    return top, left, bottom, right
