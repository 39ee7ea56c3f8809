"""Which changes fit which layers, and what they are to do to the outputs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrizations, prune

from tests.support import changes
from tests.support.changes import CONVS, LINEAR

Fits = Callable[[str, nn.Module], bool]


@dataclass(frozen=True)
class Edit:
    """One change of a layer.

    Attributes:
        name: What it does.
        fits: Whether it can be done to a layer, given its name and itself.
        change: Does it; may return what takes the layer's place.
        effect: Whether the outputs are to stay 'same', become 'other', or
            whether an 'error' is to be raised.
    """

    name: str
    fits: Fits
    change: Callable[[Any], nn.Module | None]
    effect: str = 'other'

    def places(self, model: nn.Module) -> list[str]:
        """The names of the layers that it fits."""
        return [n for n, m in model.named_modules() if n and self.fits(n, m)]

    def apply(self, model: nn.Module, target: str) -> None:
        """Change the layer of that name, always in the same way."""
        torch.manual_seed(5)
        new = self.change(model.get_submodule(target))
        if new is not None:
            parent, _, name = target.rpartition('.')
            setattr(model.get_submodule(parent), name, new)


def edited(model: nn.Module, *steps: tuple[Edit, str]) -> nn.Module:
    """A changed copy; steps that no longer fit are left out."""
    model = copy.deepcopy(model)
    for edit, target in steps:
        if target in edit.places(model):
            edit.apply(model, target)
    return model


@contextmanager
def one_edit(model: nn.Module, edit: Edit, target: str) -> Iterator[nn.Module]:
    """Put a changed copy of one layer in place, for a while."""
    parent, _, name = target.rpartition('.')
    holder = model.get_submodule(parent)
    before = getattr(holder, name)
    setattr(holder, name, copy.deepcopy(before))
    try:
        edit.apply(model, target)
        yield model
    finally:
        setattr(holder, name, before)


def anywhere(_: str, module: nn.Module) -> bool:
    return not isinstance(module, nn.ModuleList)


def in_blocks(name: str, _: nn.Module) -> bool:
    """Parts of blocks, not blocks themselves."""
    return name.startswith('blocks') and name.count('.') > 1


def last(name: str) -> Fits:
    return lambda n, _: n.rpartition('.')[2] == name


def is_a(*kinds: Any) -> Fits:
    return lambda _, module: isinstance(module, kinds)


def one_by_one(_: str, module: nn.Module) -> bool:
    return isinstance(module, CONVS) and set(module.kernel_size) == {1}


def depthwise(_: str, module: nn.Module) -> bool:
    return isinstance(module, CONVS) and module.groups > 1


def token_layer(name: str, module: nn.Module) -> bool:
    """Linear layers and 1x1 convolutions of blocks."""
    linear = isinstance(module, nn.Linear) or one_by_one(name, module)
    return in_blocks(name, module) and linear


NORMS = is_a(_BatchNorm, nn.LayerNorm)
BATCH = is_a(_BatchNorm)
WEIGHTED = is_a(*LINEAR)
EDITS = (
    Edit('batch statistics', BATCH, lambda m: m.train()),
    Edit('cumulative statistics', BATCH, changes.cumulative),
    Edit('untracked statistics', BATCH, changes.untracked),
    Edit('group norm', BATCH, changes.group_norm),
    Edit('instance norm', BATCH, changes.instance_norm),
    Edit('norm without affine', BATCH, changes.without_affine),
    Edit('identity as norm', NORMS, lambda _: nn.Identity()),
    Edit('derived norm', NORMS, changes.doubling),
    Edit('equivalent norm', NORMS, changes.equivalent, 'same'),
    Edit('stochastic depth left on', last('drop_path'), changes.leave_on),
    Edit('dropout left on', is_a(nn.Dropout), changes.leave_on),
    Edit('equivalent layer', token_layer, changes.equivalent, 'same'),
    Edit('derived layer', token_layer, changes.doubling),
    Edit('kernel of 3', one_by_one, changes.kernel_of_3),
    Edit('dilated', depthwise, changes.dilated),
    Edit('reflecting border', depthwise, changes.reflecting),
    Edit('ReLU', last('act'), lambda _: nn.ReLU()),
    Edit('in-place ReLU', last('act'), lambda _: nn.ReLU(inplace=True)),
    Edit('tanh', last('act'), lambda _: nn.GELU(approximate='tanh')),
    Edit('patched forward', in_blocks, changes.patch_forward),
    Edit(
        'patched convolution',
        is_a(nn.Conv2d, nn.Conv3d),
        changes.patch_conv_forward,
    ),
    Edit('weight norm', token_layer, parametrizations.weight_norm, 'same'),
    Edit('hook-based weight norm', token_layer, nn.utils.weight_norm, 'same'),
    Edit('louder weight norm', token_layer, changes.louder_weight_norm),
    Edit(
        'spectral norm',
        token_layer,
        lambda m: parametrizations.spectral_norm(m).eval(),
    ),
    Edit(
        'hook-based spectral norm',
        token_layer,
        changes.settled_spectral_norm,
    ),
    Edit('parametrization', WEIGHTED, changes.half),
    Edit(
        'pruning mask',
        WEIGHTED,
        lambda m: prune.l1_unstructured(m, 'weight', amount=0.5),
    ),
    Edit('written weight', WEIGHTED, changes.scale_data),
    Edit('cast layer', WEIGHTED, lambda m: m.double(), 'error'),
    Edit(
        'no bias',
        is_a(*LINEAR, _BatchNorm, nn.LayerNorm),
        changes.no_bias,
    ),
)
HOOKS = (
    Edit('output hook', anywhere, changes.change_output),
    Edit('writing hook', anywhere, changes.change_output_in_place),
    Edit('input hook', anywhere, changes.change_input),
    Edit('keyword hooks', anywhere, changes.change_input_and_output),
)
