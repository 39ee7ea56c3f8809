"""The classification face: what pre-trained weights were trained as.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``image_classification/`` (plain, light and ``token_labeling/``) and
``video_classification/``, Apache-2.0; re-implemented from the published facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn

from uniformer_mm.backbones.base import LINEAR_INIT, InitCfg
from uniformer_mm.backbones.specs import ARCHS, ArchSpec, check_bool
from uniformer_mm.backbones.uniformer import UniFormer
from uniformer_mm.backbones.uniformer_light import UniFormerLight
from uniformer_mm.registry import MODELS

__all__ = ['UniFormerClassifier']


@MODELS.register_module()
class UniFormerClassifier(BaseModule):
    """Backbone with its batch norm, mean over the map, linear head.

    Its parameters have the official names, those of the backbone (the final
    ``norm`` among them) behind ``backbone.``.

    Args:
        arch (str | ArchSpec | Mapping): As ``UniFormer`` or, for a light arch,
            ``UniFormerLight`` takes it. Defaults to 'small'.
        num_classes (int): Width of the heads, >= 1. Defaults to 1000.
        token_labeling (bool): Has the auxiliary head on every token that the
            token-labelled models have. Defaults to False.
        init_cfg (dict | list[dict] | None): MMEngine initialisation. Defaults
            to None: that of the backbones.
        backbone_init_cfg (dict | list[dict] | None): That of the backbone,
            such as weights to load. Defaults to None.
        **backbone (Any): Further arguments of the backbone, such as ``ndim``.

    Raises:
        TypeError: An argument is of the wrong type, not known to the
            backbone, or set here.
        ValueError: ``num_classes`` is below 1; light and token-labelled.
    """

    def __init__(
        self,
        arch: str | ArchSpec | Mapping[str, Any] = 'small',
        *,
        num_classes: int = 1000,
        token_labeling: bool = False,
        init_cfg: InitCfg = None,
        backbone_init_cfg: InitCfg = None,
        **backbone: Any,
    ) -> None:
        if type(num_classes) is not int:
            raise TypeError(f'num_classes must be an int, got {num_classes!r}')
        if num_classes < 1:
            raise ValueError(f'num_classes must be >= 1, got {num_classes}')
        check_bool('token_labeling', token_labeling)
        fixed = {'out_indices', 'out_norm', 'as_tuple'} & set(backbone)
        if fixed:
            raise TypeError(
                f'{sorted(fixed)} of the backbone are set by the classifier'
            )
        light = _is_light(arch)
        if light and token_labeling:
            raise ValueError(
                'token_labeling=True is not for light models, got arch '
                f'{arch!r}'
            )
        super().__init__(dict(LINEAR_INIT) if init_cfg is None else init_cfg)
        kind = UniFormerLight if light else UniFormer
        self.backbone = kind(
            arch,
            out_indices=(3,),
            out_norm='BN',
            init_cfg=backbone_init_cfg,
            **backbone,
        )
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
        tokens = x.flatten(2).mT
        logits = self.head(tokens.mean(1))
        if self.token_labeling:
            dense = self.aux_head(tokens)
            if self.training:
                return logits, dense
            return logits + 0.5 * dense.amax(1)
        if self.light and self.training:
            cls_token = self.norm_cls(state.cls_token.squeeze(1))
            return logits, self.head_cls(cls_token)
        return logits


def _is_light(arch: str | ArchSpec | Mapping[str, Any]) -> bool:
    if isinstance(arch, str) and arch in ARCHS:
        arch = ARCHS[arch]
    if isinstance(arch, Mapping):
        return bool(arch.get('light'))
    return isinstance(arch, ArchSpec) and arch.light
