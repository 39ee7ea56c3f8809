"""The models as configs name them: registered, and with ``init_cfg``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mmengine.model import BaseModule
from mmengine.registry import MODELS as MMENGINE_MODELS

from uniformer_mm import models
from uniformer_mm.backbones.init_cfg import (
    InitCfg,
    loads_weights,
    resolve_init_cfg,
)
from uniformer_mm.backbones.shapes import check_shapes
from uniformer_mm.hub_model import HubModel
from uniformer_mm.registry import MODELS

__all__ = ['UniFormer', 'UniFormerClassifier', 'UniFormerLight']


class _Pretrained(HubModel):
    """From weights, and to the hub; before all others in bases."""

    @classmethod
    def from_pretrained(
        cls, source: str | os.PathLike[str], **arguments: Any
    ) -> Any:
        """Build the model that a weight file holds, and load it strictly.

        See ``uniformer_mm.from_pretrained`` for arguments and errors.

        Examples:
            >>> model = UniFormer.from_pretrained(
            ...     'uniformer-small_in1k', attention='hybrid')
        """
        from uniformer_mm.pretrained import from_pretrained

        return from_pretrained(source, model_type=cls, **arguments)


class _Configured(_Pretrained):
    """A plain backbone that MMEngine initialises; before the two in bases."""

    def __init__(
        self, *args: Any, init_cfg: InitCfg = None, **arguments: Any
    ) -> None:
        super().__init__(*args, **arguments)
        self.init_cfg = resolve_init_cfg(init_cfg)

    def init_weights(self: Any) -> None:
        """Start anew, whatever memory holds, then follow ``init_cfg``.

        Time attention starts as no change, unless weights were loaded.
        """
        again = self.is_init  # of which MMEngine warns
        if not again:
            self.reset_parameters()
        BaseModule.init_weights(self)
        if not again and not loads_weights(self.init_cfg):
            self.reset_time_attention()

    def _load_from_state_dict(
        self: Any, state_dict: Mapping[str, Any], prefix: str, *args: Any
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)  # type: ignore[misc]
        check_shapes(self, state_dict, prefix)


@MMENGINE_MODELS.register_module()
@MODELS.register_module()
class UniFormer(_Configured, models.UniFormer, BaseModule):
    """``uniformer_mm.models.UniFormer`` with ``init_cfg``, for configs.

    That class says what goes in, what comes out, and all arguments.

    Args:
        arch (str | ArchSpec | Mapping): The variant. Defaults to 'small'.
        init_cfg (dict | list[dict] | None): MMEngine initialisation. Defaults
            to None: truncated normal of std 0.02 for linear layers, as in the
            paper; torch's own for the others.
        **arguments (Any): Any other of the plain class.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument breaks its rule; the message names the choices.

    Examples:
        >>> model = UniFormer('small', attention='hybrid')
        >>> [tuple(y.shape) for y in model(torch.rand(1, 3, 64, 96))]
        [(1, 64, 16, 24), (1, 128, 8, 12), (1, 320, 4, 6), (1, 512, 2, 3)]
    """


@MMENGINE_MODELS.register_module()
@MODELS.register_module()
class UniFormerLight(_Configured, models.UniFormerLight, BaseModule):
    """``uniformer_mm.models.UniFormerLight`` with ``init_cfg``, for configs.

    Takes the arguments of that class, and ``init_cfg`` as ``UniFormer``.
    """


@MODELS.register_module()
class UniFormerClassifier(_Pretrained, models.UniFormerClassifier, BaseModule):
    """``uniformer_mm.models.UniFormerClassifier`` with ``init_cfg``.

    Args:
        *args (Any): Those of the plain class.
        init_cfg (dict | list[dict] | None): MMEngine initialisation of the
            heads and linear layers. Defaults to None: as in ``UniFormer``.
        backbone_init_cfg (dict | list[dict] | None): That of the backbone,
            such as weights to load. Defaults to None.
        **arguments (Any): Those of the plain class.
    """

    backbone_types = (UniFormer, UniFormerLight)

    def __init__(
        self,
        *args: Any,
        init_cfg: InitCfg = None,
        backbone_init_cfg: InitCfg = None,
        **arguments: Any,
    ) -> None:
        super().__init__(*args, init_cfg=backbone_init_cfg, **arguments)
        self.init_cfg = resolve_init_cfg(init_cfg)

    def init_weights(self) -> None:
        """Start anew, whatever memory holds, then follow ``init_cfg``."""
        if not self.is_init:
            self.reset_heads()
        BaseModule.init_weights(self)
