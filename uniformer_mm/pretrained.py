"""Models as a weight file says, with its weights: ``from_pretrained``."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from torch import Tensor

from uniformer_mm.deployed import deploy
from uniformer_mm.models import (
    UniFormer,
    UniFormerClassifier,
    UniFormerLight,
)
from uniformer_mm.weights.found import Found, find_weights
from uniformer_mm.weights.kinds import HEADS
from uniformer_mm.weights.load import load_backbone
from uniformer_mm.weights.settings import BACKBONE_SETTINGS, settings_in

__all__ = ['from_pretrained']

LOADING = ('inflation', 'new_gains', 'stem_channels')
TOLD = ('arch', 'num_classes', 'token_labeling')


def from_pretrained(
    source: str | os.PathLike[str],
    *,
    model_type: type[Any] | None = None,
    head_dim: int | None = None,
    ema: bool | None = None,
    **arguments: Any,
) -> Any:
    """Build the backbone that a weight file holds, and load it strictly.

    ``UniFormer.from_pretrained`` and those of the other classes are this, for
    their class.

    Args:
        source (str | PathLike): A name of the catalogue (``uniformer-mm
            weights``), a path, a URL or ``hf-hub:OWNER/NAME``; also a folder
            that ``save_pretrained`` wrote.
        model_type (type | None): ``UniFormer``, ``UniFormerLight``,
            ``UniFormerClassifier`` or a class below them. Defaults to None:
            the backbone that the file is of.
        head_dim (int | None): Channels per head, for files the catalogue does
            not know; it can't be seen in them. Defaults to None: the
            catalogue's, else the arch's own, of which a warning tells.
        ema (bool | None): As in ``load_backbone``. Defaults to None.
        **arguments (Any): Further ones of the class, such as ``attention`` or
            ``out_indices``, and of ``load_backbone``; by default those that
            ``save_pretrained`` kept in the file. What the weights tell
            (arch, ``ndim``, ``in_channels``, ``split``, stem, gains, classes,
            whether it is deployed) need not be given; ``ndim=3`` inflates
            image weights.

    Returns:
        UniFormer | UniFormerLight | UniFormerClassifier: In eval mode.

    Raises:
        FileNotFoundError, OSError: The file is not there or can't be fetched.
        TypeError: An argument that the class does not know, or that the file
            tells.
        ValueError: It is no UniFormer file, or one of another class.
    """
    told = [name for name in TOLD if name in arguments]
    if told:
        raise TypeError(
            f'{told} of a pretrained model are what its file says; for other '
            'ones build the model, then call load_backbone(model, source)'
        )
    found = find_weights(source, ema=ema)
    kind = (UniFormer, UniFormerLight)[found.identity.spec.light]
    if model_type is None:
        # The registered class, where MMEngine is installed.
        model_type = getattr(import_module('uniformer_mm'), kind.__name__)
    classifies = issubclass(model_type, UniFormerClassifier)
    if not classifies and not issubclass(model_type, kind):
        raise ValueError(
            f'{found.file.path.name} holds a {kind.__name__}: call '
            f'{kind.__name__}.from_pretrained, not that of '
            f'{model_type.__name__}'
        )
    loading = {k: arguments.pop(k) for k in LOADING if k in arguments}
    file = found.file
    arguments = {
        **found.architecture(head_dim),
        **settings_in(file.meta, file.path.name, BACKBONE_SETTINGS),
        **arguments,
    }
    model: Any
    if classifies:
        heads = _heads(found)
        model = model_type(
            num_classes=found.identity.num_classes,
            token_labeling=found.identity.token_labeling,
            **arguments,
        )
        for name, value in heads.items():
            model.get_parameter(name).data.copy_(value)
        backbone: Any = model.backbone
    else:
        model = backbone = model_type(**arguments)
    if found.identity.deployed:
        deploy(model.eval())
    load_backbone(backbone, found, head_dim=head_dim, **loading)
    # The weights are there: no ``init_weights`` shall start them anew.
    model.is_init = backbone.is_init = True
    return model.eval()


def _heads(found: Found) -> dict[str, Tensor]:
    """What of a classifier's file is not its backbone, by our names.

    Raises:
        ValueError: It is no classifier's, nor a recognizer's of mmaction.
    """
    kind = found.identity.kind
    if kind not in ('classifier', 'recognizer'):
        raise ValueError(
            f'{found.file.path.name} holds {kind} weights, without the head '
            'of a classifier: call from_pretrained of UniFormer or '
            'UniFormerLight'
        )
    named = {
        key.replace('cls_head.fc_cls.', 'head.'): value
        for key, value in found.file.state.items()
    }
    return {k: v for k, v in named.items() if HEADS['classifier'].match(k)}
