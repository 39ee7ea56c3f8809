"""Folding of norms, gains and sums into convolutions: exactly, or not at all.

A ``Folding`` first looks at all that it would fold, then computes new
parameters, and only then writes. No tensor is written over: a state dict taken
before keeps its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

from torch import nn

from uniformer_mm.deployed.blocks import DEPLOYED
from uniformer_mm.deployed.parameters import (
    Values,
    norm_after,
    norm_before,
    times_gain,
    values_of,
    with_identity,
)
from uniformer_mm.deployed.patched import is_patched
from uniformer_mm.fast.kinds import (
    CONVS,
    drops_nothing,
    is_depthwise,
    is_mlp,
    is_norm_or_nothing,
    is_pointwise,
)
from uniformer_mm.fast.path import is_named
from uniformer_mm.fast.rules import is_hooked
from uniformer_mm.models.blocks import ConvBlock
from uniformer_mm.models.layers import ConvEmbed

__all__ = ['Folding']

Kind = tuple[Callable[[Any], bool], str]

CONV: Kind = (lambda m: type(m) in CONVS, "a convolution of torch's own class")
NORM: Kind = (
    is_norm_or_nothing,
    "a batch norm of torch's own class, with stored statistics",
)
POINTWISE: Kind = (
    lambda m: type(m) in CONVS and is_pointwise(m),
    "a 1x1 convolution of torch's own class",
)
LINEAR: Kind = (
    lambda m: type(m) is nn.Linear,
    "a linear layer of torch's own class",
)
POSITION: Kind = (
    lambda m: is_depthwise(m) and m.kernel_size[0] == 3,
    "a depthwise 3x3 convolution of torch's own class, padded by zeros",
)
MLP: Kind = (is_mlp, 'an Mlp of ours')
ATTENTION: Kind = (
    lambda m: is_named(m, 'attention') or is_named(m, 'scored_attention'),
    'an attention of ours',
)
DROPOUT: Kind = (
    drops_nothing,
    'a dropout that is off',
)


class Folding:
    """What deploying one backbone folds.

    Args:
        name: Of the backbone in the model, '' if it is the model.
        backbone: What is deployed.
        places: How many names each module has in the model.

    Attributes:
        refused (list[str]): What can't be folded exactly, and why.
    """

    def __init__(
        self,
        name: str,
        backbone: nn.Module,
        places: Mapping[nn.Module, int],
    ) -> None:
        self.refused: list[str] = []
        self._places = places
        self._steps: list[tuple[Any, Callable[[], Values]]] = []
        self._parameters: list[tuple[nn.Parameter, ...]] = []
        # Parent, name and what is put there.
        self._replaced: list[tuple[Any, str, nn.Module | None]] = []
        for part, module in backbone.named_modules(prefix=name):
            if isinstance(module, ConvEmbed):
                self._plan_stem(part, module)
            elif any(isinstance(module, cls) for cls in DEPLOYED):
                self._plan_block(part, module)

    def compute(self) -> None:
        """Compute the new parameters; nothing is changed."""
        self._parameters = [
            tuple(
                nn.Parameter(value.to(layer.weight, copy=True), False)
                for value in compute()
            )
            for layer, compute in self._steps
        ]

    def write(self) -> None:
        """Give the layers their new parameters, and take out the norms."""
        for (layer, _), new in zip(self._steps, self._parameters, strict=True):
            layer.weight, layer.bias = new
        for parent, name, module in self._replaced:
            setattr(parent, name, module)

    def _plan_stem(self, name: str, embed: Any) -> None:
        if not self._is_as_written(name, embed, type(embed) is ConvEmbed):
            return
        layers = embed.proj
        if type(layers) is not nn.Sequential or is_hooked(layers):
            self._refuse(f'{name}.proj', 'is no plain nn.Sequential')
            return
        for i, norm in enumerate(layers):
            if i % 3 != 1:  # convolution, norm, GELU, convolution, norm
                continue
            if self._fits(f'{name}.proj.{i}', norm, NORM):
                conv = layers[i - 1]
                path = f'{name}.proj.{i - 1}'
                if type(norm) is not nn.Identity and self._fits(
                    path, conv, CONV
                ):
                    self._fold(path, embed, conv, norm_after, norm)
                    self._remove_norm(layers, str(i))

    def _plan_block(self, name: str, block: Any) -> None:
        if not self._is_as_written(name, block, type(block) in DEPLOYED):
            return
        if self._fits(f'{name}.pos_embed', block.pos_embed, POSITION):
            self._fold(
                f'{name}.pos_embed', block, block.pos_embed, with_identity
            )
        local = isinstance(block, ConvBlock)
        if local:
            self._plan_norm(name, block, 'norm1', 'conv1')
            if self._fits(f'{name}.mlp', block.mlp, MLP):
                self._plan_norm(name, block, 'norm2', 'mlp.fc1')
        # A third gain, of light models, needs the branches unscaled.
        if getattr(block, 'gamma_3', None) is not None:
            return
        if block.gamma_1 is not None:
            path = 'conv2' if local else 'attn.proj'
            if local or (
                self._fits(f'{name}.attn', block.attn, ATTENTION)
                and self._fits(
                    f'{name}.attn.proj_drop', block.attn.proj_drop, DROPOUT
                )
            ):
                self._plan_gain(name, block, 'gamma_1', path)
        if (
            block.gamma_2 is not None
            and self._fits(f'{name}.mlp', block.mlp, MLP)
            and self._fits(f'{name}.mlp.drop', block.mlp.drop, DROPOUT)
        ):
            self._plan_gain(name, block, 'gamma_2', 'mlp.fc2')

    def _plan_norm(self, name: str, block: Any, norm: str, conv: str) -> None:
        layer, before = block.get_submodule(conv), getattr(block, norm)
        if (
            self._fits(f'{name}.{norm}', before, NORM)
            and type(before) is not nn.Identity
            and self._fits(f'{name}.{conv}', layer, POINTWISE)
        ):
            self._fold(f'{name}.{conv}', block, layer, norm_before, before)
            self._remove_norm(block, norm)

    def _plan_gain(self, name: str, block: Any, gain: str, path: str) -> None:
        layer, gamma = block.get_submodule(path), getattr(block, gain)
        local = isinstance(block, ConvBlock)
        if not self._fits(
            f'{name}.{path}', layer, POINTWISE if local else LINEAR
        ):
            return
        channels = layer.weight.shape[0]
        shape = (1, channels, *layer.kernel_size) if local else (channels,)
        # A pruned one is a tensor, computed by a hook of the block.
        if type(gamma) is not nn.Parameter or gamma.shape != shape:
            self._refuse(f'{name}.{gain}', f'is no parameter of shape {shape}')
            return
        self._fold(f'{name}.{path}', block, layer, times_gain, gamma)
        self._replaced.append((block, gain, None))

    def _remove_norm(self, parent: nn.Module, name: str) -> None:
        self._replaced.append((parent, name, nn.Identity().eval()))

    def _is_as_written(self, name: str, module: Any, own: bool) -> bool:
        """Whether a part of ours calls its layers as we know it."""
        if own and not is_patched(module):
            return True
        self._refuse(
            name, f'is a {type(module).__name__} with a forward of its own'
        )
        return False

    def _fits(self, name: str, module: nn.Module, kind: Kind) -> bool:
        """Whether ``module`` is what is folded here; refuse it otherwise."""
        fits, wanted = kind
        if is_hooked(module) or is_patched(module):
            self._refuse(
                name, 'has hooks, as pruning and spectral norm are, or a patch'
            )
        elif not fits(module):
            self._refuse(name, f'is a {type(module).__name__}, not {wanted}')
        elif any(
            type(getattr(module, part, None)) not in (nn.Parameter, NoneType)
            for part in ('weight', 'bias')
        ):
            self._refuse(name, 'has a weight or bias that is no nn.Parameter')
        else:
            return True
        return False

    def _refuse(self, name: str, why: str) -> None:
        line = f'{name} {why}'
        if line not in self.refused:
            self.refused.append(line)

    def _fold(
        self,
        name: str,
        owner: nn.Module,
        layer: Any,
        function: Callable[..., Values],
        *args: Any,
    ) -> None:
        """Plan new parameters of ``layer``, which ``owner`` alone may use."""
        if self._places[layer] != self._places[owner]:
            self._refuse(name, 'is used in more than one place')
        self._steps.append((layer, lambda: function(*values_of(layer), *args)))
