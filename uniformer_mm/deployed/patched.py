"""Whether a module is called as its class is written."""

from __future__ import annotations

from inspect import getattr_static
from typing import Any

from torch import nn

from uniformer_mm.deployed.blocks import DEPLOYED
from uniformer_mm.models.attention import Attention, ScoredAttention
from uniformer_mm.models.layers import ConvEmbed, Mlp

__all__ = ['is_patched']


def methods_of(kind: type) -> dict[str, Any]:
    """Its ``forward``, and what ``nn.Module`` has not, by name."""
    names = set(dir(kind)) - set(dir(nn.Module)) | {'forward'}
    # As it stands there: classes of traced modules compute their ``forward``.
    return {name: getattr_static(kind, name) for name in names}


METHODS = {
    kind: methods_of(kind)
    for kind in (*DEPLOYED, ConvEmbed, Mlp, Attention, ScoredAttention)
}


def is_patched(module: nn.Module) -> bool:
    """Whether a method is another one, on ``module`` or on a class of ours."""
    methods = methods_of(type(module))
    return (
        not methods.keys().isdisjoint(vars(module))
        or METHODS.get(type(module), methods) != methods
    )
