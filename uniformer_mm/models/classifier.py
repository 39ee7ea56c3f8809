"""The classification face: what pre-trained weights were trained as.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``image_classification/`` (plain, light and ``token_labeling/``) and
``video_classification/``, Apache-2.0; re-implemented from the published facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from uniformer_mm.checks import check_bool, check_count
from uniformer_mm.models.initialization import init_linear
from uniformer_mm.models.specs import ArchSpec, is_light
from uniformer_mm.models.uniformer import UniFormer
from uniformer_mm.models.uniformer_light import UniFormerLight

__all__ = ['UniFormerClassifier']


class UniFormerClassifier(nn.Module):
    """Backbone with its batch norm, mean over the map, linear head.

    Its parameters have the official names, those of the backbone (the final
    ``norm`` among them) behind ``backbone.``.

    Args:
        arch (str | ArchSpec | Mapping): As ``UniFormer`` or, for a light arch,
            ``UniFormerLight`` takes it. Defaults to 'small'.
        num_classes (int): Width of the heads, >= 1. Defaults to 1000.
        token_labeling (bool): Has the auxiliary head on every token that the
            token-labelled models have. Defaults to False.
        **backbone (Any): Further arguments of the backbone, such as ``ndim``.

    Raises:
        TypeError: An argument is of the wrong type, not known to the
            backbone, or set here.
        ValueError: ``num_classes`` is below 1; light and token-labelled.
    """

    # Of plain and of light archs.
    backbone_types: tuple[type[Any], type[Any]] = (UniFormer, UniFormerLight)

    def __init__(
        self,
        arch: str | ArchSpec | Mapping[str, Any] = 'small',
        *,
        num_classes: int = 1000,
        token_labeling: bool = False,
        **backbone: Any,
    ) -> None:
        check_count('num_classes', num_classes)
        check_bool('token_labeling', token_labeling)
        fixed = {'out_indices', 'out_norm', 'as_tuple'} & set(backbone)
        if fixed:
            raise TypeError(
                f'{sorted(fixed)} of the backbone are set by the classifier'
            )
        light = is_light(arch)
        if light and token_labeling:
            raise ValueError(
                'token_labeling=True is not for light models, got arch '
                f'{arch!r}'
            )
        super().__init__()
        kind = self.backbone_types[light]
        self.backbone = kind(arch, out_indices=(3,), out_norm='BN', **backbone)
        (dim,) = self.backbone.out_channels
        self.head = nn.Linear(dim, num_classes)
        if token_labeling:
            self.aux_head = nn.Linear(dim, num_classes)
        if light:
            # eps 1e-5, unlike the norms of the blocks: as officially.
            self.norm_cls = nn.LayerNorm(dim, eps=1e-5)
            self.head_cls = nn.Linear(dim, num_classes)
        self.light = light
        self.token_labeling = token_labeling

    def init_weights(self) -> None:
        """Start anew, as in the paper; see ``UniFormer.init_weights``."""
        self.reset_heads()
        init_linear(self)
        self.backbone.init_weights()

    def reset_heads(self) -> None:
        """Give the heads the values that they have after construction."""
        head: Any
        for head in self.children():
            if head is not self.backbone:
                head.reset_parameters()

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Compute class logits.

        Args:
            x (Tensor): What the backbone takes.

        Returns:
            Tensor | tuple[Tensor]: In eval mode the logits (N, num_classes);
            token-labelled models add half of the auxiliary head's maximum
            over the tokens. In training, light models return the logits of
            the mean and of the class token, each (N, num_classes), and
            token-labelled ones those of the mean and of every token, the
            second (N, L, num_classes).
        """
        (x,), state = self.backbone.forward_features(x)
        # (N, C, [T,] H, W) -> (N, L, C)
        tokens = x.flatten(2).transpose(1, 2)
        logits = self.head(tokens.mean(1))
        if self.token_labeling:
            dense = self.aux_head(tokens)
            if self.training:
                return logits, dense
            return logits + 0.5 * dense.amax(1)
        if self.light and self.training:
            # (N, 1, C) -> (N, C)
            cls_token = self.norm_cls(state.cls_token.squeeze(1))
            return logits, self.head_cls(cls_token)
        return logits
