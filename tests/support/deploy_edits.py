"""What people do to a model before they deploy it, and whether that folds."""

from __future__ import annotations

import functools
from typing import Any

from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrizations, parametrize, prune

from tests.support import changes
from tests.support.edits import (
    BATCH,
    HOOKS,
    WEIGHTED,
    Edit,
    Fits,
    anywhere,
    is_a,
    last,
    one_by_one,
)
from tests.support.lora import Lora
from uniformer_mm.models.attention import Attention
from uniformer_mm.models.blocks import Block, ConvBlock
from uniformer_mm.models.layers import ConvEmbed, Mlp

OURS = is_a(Block, Mlp, Attention, ConvEmbed)
WRITTEN = is_a(Block, ConvEmbed)  # by us: folding counts on their forwards


def is_folded(model: nn.Module, name: str) -> bool:
    """Whether folding takes for granted what the module ``name`` computes.

    By the papers' formulas, not by the code: a norm is folded into the layer
    beside it, a sum into the position embedding, a gain into the last layer of
    its branch, which is all there is behind that layer.
    """
    part = name.rpartition('.')[2]
    if part.isdigit():  # of a stem: convolutions and norms
        return '.proj.' in name and int(part) % 3 != 2
    if isinstance(model.get_submodule(name), nn.Sequential):
        return True
    stage, _, path = name.partition('.')
    index, _, path = path.partition('.')
    if not path or 't_attn' in path:
        return False
    block: Any = model.get_submodule(f'{stage}.{index}')
    gains = (
        block.gamma_1 is not None and getattr(block, 'gamma_3', None) is None
    )
    parts = {'pos_embed'}
    if isinstance(block, ConvBlock):
        parts |= {'norm1', 'norm2', 'conv1', 'mlp', 'mlp.fc1'}
        if gains:
            parts |= {'conv2', 'mlp.fc2', 'mlp.drop'}
    elif gains:
        parts |= {'attn', 'attn.proj', 'attn.proj_drop'}
        parts |= {'mlp', 'mlp.fc2', 'mlp.drop'}
    return path in parts


def both(one: Fits, other: Fits) -> Fits:
    return lambda n, m: one(n, m) and other(n, m)


def prune_weight(layer: Any) -> None:
    prune.l1_unstructured(layer, 'weight', amount=0.5)


def pruned_for_good(layer: Any) -> None:
    prune_weight(layer)
    prune.remove(layer, 'weight')


def weight_norm_removed(layer: Any) -> None:
    nn.utils.remove_weight_norm(nn.utils.weight_norm(layer))


def half_for_good(layer: Any) -> None:
    changes.half(layer)
    parametrize.remove_parametrizations(layer, 'weight')


def spectral_norm(layer: Any) -> None:
    parametrizations.spectral_norm(layer).eval()


def prune_gain(block: Any) -> None:
    prune.l1_unstructured(block, 'gamma_1', amount=0.5)


def halve_gain(block: Any) -> None:
    parametrize.register_parametrization(block, 'gamma_2', changes.Half())


def adapted(layer: Any) -> nn.Module:
    adapter = Lora(layer).eval()
    nn.init.normal_(adapter.up.weight)
    return adapter


def merged(layer: Any) -> nn.Module:
    adapter: Any = adapted(layer)
    layer.weight.data += (
        adapter.up.weight.flatten(1) @ adapter.down.weight.flatten(1)
    ).view_as(layer.weight)
    return layer


def sync_norm(layer: Any) -> nn.Module:
    return nn.SyncBatchNorm.convert_sync_batchnorm(layer)


def bare_norm(layer: Any) -> nn.Module:
    new: Any = changes.like(layer, affine=False)
    new.load_state_dict(layer.state_dict(), strict=False)
    return new


def norm_with_act(layer: Any) -> nn.Module:
    new = BatchNormAct2d(layer.num_features)
    new.load_state_dict(layer.state_dict())
    return new.eval()


def overridden(module: Any) -> None:
    """Give it a class derived from its own, with a forward of its own."""
    kind: Any = type(module)

    class Louder(kind):
        @functools.wraps(kind.forward)  # copies all attributes of a function
        def forward(self, x: Tensor, *rest: Any) -> Any:
            return kind.forward(self, 1.5 * x, *rest)

    module.__class__ = Louder


def replace_method(name: str) -> Any:
    def change(module: Any) -> None:
        method = getattr(module, name)
        setattr(module, name, lambda x, *rest: method(x + 1, *rest))

    return change


def replaced(make: Any, **settings: Any) -> Any:
    """A layer of other geometry, which gives the same shape."""
    return lambda layer: changes.like(layer, make, **settings)


def wider_kernel(layer: Any) -> nn.Module:
    wide = {'kernel_size': 5, 'padding': 2}
    return changes.like(layer, **wide)


def transposed_memory(layer: Any) -> None:
    """The same values in another order, as converted weights have it."""
    values = layer.weight.detach()
    layer.weight = nn.Parameter(values.mT.contiguous().mT)


POSITION = last('pos_embed')
NORM_2D = both(BATCH, is_a(nn.BatchNorm2d))
LORA = both(
    WEIGHTED, lambda n, m: isinstance(m, nn.Linear) or one_by_one(n, m)
)
GAINS = both(
    is_a(Block),
    lambda _, m: m.gamma_1 is not None and getattr(m, 'gamma_3', None) is None,
)

# Refused where they are done to what is folded; else kept.
UNFIT = (
    *HOOKS,
    Edit('patched forward', anywhere, changes.patch_forward),
    Edit('derived part', OURS, overridden),
    Edit('pruning mask', WEIGHTED, prune_weight),
    Edit('weight norm', WEIGHTED, parametrizations.weight_norm),
    Edit('hook-based weight norm', WEIGHTED, nn.utils.weight_norm),
    Edit('spectral norm', WEIGHTED, spectral_norm),
    Edit('hook-based spectral norm', WEIGHTED, changes.settled_spectral_norm),
    Edit(
        'parametrization',
        lambda _, m: isinstance(getattr(m, 'weight', None), nn.Parameter),
        changes.half,
    ),
    Edit('pruned gain', GAINS, prune_gain),
    Edit('parametrized gain', GAINS, halve_gain),
    Edit('adapter', LORA, adapted),
    Edit('norm with activation', NORM_2D, norm_with_act),
    Edit('derived norm', BATCH, changes.doubling),
    Edit('group norm', BATCH, changes.group_norm),
    Edit('instance norm', BATCH, changes.instance_norm),
    Edit('untracked statistics', BATCH, changes.untracked),
    Edit('kernel of 5', POSITION, wider_kernel),
    Edit('dilated', POSITION, changes.dilated),
    Edit('reflecting border', POSITION, changes.reflecting),
    Edit('one group', POSITION, replaced(None, groups=1)),
    Edit('derived layer', WEIGHTED, changes.doubling),
    Edit('no position', POSITION, lambda _: nn.Identity()),
    Edit('kernel of 3', one_by_one, changes.kernel_of_3),
    Edit('two groups', one_by_one, replaced(None, groups=2)),
    Edit('patched mix', is_a(Block), replace_method('mix')),
    Edit(
        'patched attend',
        both(is_a(Block), lambda _, m: hasattr(m, 'attend')),
        replace_method('attend'),
    ),
    Edit(
        'patched convolution',
        is_a(*changes.CONVS),
        replace_method('_conv_forward'),
    ),
)
# Folded whatever they are done to.
FIT = (
    Edit('nothing', last('patch_embed1'), lambda _: None),
    Edit('pruned for good', WEIGHTED, pruned_for_good),
    Edit('weight norm removed', WEIGHTED, weight_norm_removed),
    Edit('parametrization removed', WEIGHTED, half_for_good),
    Edit('merged adapter', LORA, merged),
    Edit('synchronized norm', is_a(_BatchNorm), sync_norm),
    Edit('norm without affine', BATCH, bare_norm),
    Edit('norm without weight', BATCH, lambda m: setattr(m, 'weight', None)),
    Edit('identity as norm', BATCH, lambda _: nn.Identity()),
    Edit('no bias', WEIGHTED, changes.no_bias),
    Edit('other memory', lambda _, m: hasattr(m, 'groups'), transposed_memory),
    Edit('other activation', last('act'), lambda _: nn.ReLU()),
    Edit(
        'nested stem',
        is_a(nn.Sequential),
        lambda m: nn.Sequential(m, nn.Identity()),
    ),
    Edit('no depth', last('drop_path'), lambda _: nn.Identity()),
)


def is_refused(edit: Edit, model: nn.Module, place: str) -> bool:
    """Whether it may not be done to the layer of that name."""
    if WRITTEN(place, model.get_submodule(place)):
        # What goes in and what comes out stays the same.
        return edit in UNFIT and edit not in HOOKS
    return edit in UNFIT and is_folded(model, place)
