"""The backbone that is there, and ours in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, empty

from uniformer_mm.checks import check_choice
from uniformer_mm.models.specs import ARCHS, is_light, resolve_arch
from uniformer_mm.swap import heads, maps, settings
from uniformer_mm.swap.channels import STRIDES, match_stages
from uniformer_mm.swap.stock import Stock, TiedBackboneError

__all__ = ['makes_pyramid', 'our_backbone', 'their_maps']

# As docs/hosts.md; what a user passes wins.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    'mmdet': {'attention': 'hybrid', 'drop_path_rate': 0.2},
    'mmseg': {'attention': 'hybrid', 'drop_path_rate': 0.25},
    'mmpose': {'drop_path_rate': 0.2},
    'mmaction': {'drop_path_rate': 0.1},
    'mmpretrain': {'drop_path_rate': 0.1, 'out_norm': 'BN'},
}
# Necks that make a pyramid of maps that are all of one size.
PYRAMID_MAKERS = ('Feature2Pyramid', 'MultiLevelNeck')


def their_maps(
    stock: Stock, owner: Any, image: Tensor
) -> tuple[Any, list[str]]:
    """Run the backbone that is there; else read what it must give.

    Args:
        stock: Whose it is.
        owner: The part that holds it.
        image: What it gets.

    Returns:
        tuple: A map, or a tuple of them; and notes.

    Raises:
        TiedBackboneError: It gives no maps.
        ValueError: It does not run, and nothing says what it would give.
    """
    name = owner['backbone']['type']
    if stock.host == 'mmpretrain':
        return (), []  # whatever its maps are, the head gets one vector
    try:
        out = maps.run(stock.host, owner['backbone'], image)
    except Exception as error:
        why = f'{name} could not be run here ({maps.failure(error)})'
        found = heads.read_channels(owner)
        if not found:
            raise ValueError(
                f'{why}, and no neck or head says which channels it gives'
            ) from error
        strides = STRIDES[-len(found) :]
        note = (
            f'{why}: channels {found} are read from what follows it, strides '
            f'{list(strides)} are presumed'
        )
        return _presumed(stock.host, found, strides, image), [note]
    several = out if isinstance(out, (tuple, list)) else [out]
    if not several or not all(isinstance(item, Tensor) for item in several):
        raise TiedBackboneError(
            f'{name} gives no plain maps, but a {type(out).__name__} of '
            'others (tokens, stacks, paths), which the head is made for'
        )
    if any(item.shape[0] != image.shape[0] for item in several):
        raise TiedBackboneError(f'{name} gives another number of images')
    return out, []


def _presumed(
    host: str, channels: list[int], strides: tuple[int, ...], image: Tensor
) -> Any:
    """Maps of these channels; mmaction takes one as it is, not a tuple."""
    batch, _, *frames, height, width = image.shape
    out = tuple(
        empty(batch, c, *frames, height // k, width // k, device='meta')
        for c, k in zip(channels, strides, strict=True)
    )
    return out[0] if host == 'mmaction' and len(out) == 1 else out


def makes_pyramid(neck: Any, out: Any, image: Tensor) -> bool:
    """Whether a neck is there for want of a backbone that has a pyramid."""
    return (
        isinstance(neck, dict)
        and neck['type'] in PYRAMID_MAKERS
        and len(set(maps.strides(out, image))) == 1
    )


def our_backbone(
    stock: Stock,
    owner: Any,
    old: Any,
    image: Tensor,
    arguments: dict[str, Any],
) -> tuple[dict[str, Any], list[str]]:
    """Write the config of ours, with the outputs that the model wants.

    Args:
        stock: Where it goes.
        owner: The part that holds the backbone.
        old: Maps of the backbone that is there.
        image: What it gets.
        arguments: What the user passes.

    Returns:
        tuple: The config, and notes.

    Raises:
        TiedBackboneError: Ours has no such outputs.
        TypeError, ValueError: A bad ``arch``.
    """
    arch = arguments.pop('arch', 'small')
    if isinstance(arch, str):
        check_choice('arch', arch, ARCHS)
    light = is_light(arch)
    resolve_arch(arch, light=light)
    stages = _stages(stock, owner, old, image)
    ours = {
        'type': f'uniformer_mm.UniFormer{"Light" if light else ""}',
        'arch': arch,
        **DEFAULTS[stock.host],
    }
    if light:
        ours.pop('attention', None)
    if image.ndim == 5:
        ours['ndim'] = 3
    if image.shape[1] != 3:
        ours['in_channels'] = image.shape[1]
    if stages != (0, 1, 2, 3):
        ours['out_indices'] = stages
    if isinstance(old, Tensor):
        ours['as_tuple'] = False
    ours |= arguments
    if 'init_cfg' in arguments:
        return ours, []
    weights = settings.weights_of(arch) if image.shape[1] == 3 else ''
    if weights:
        kind = 'uniformer_mm.UniFormerPretrained'
        ours['init_cfg'] = {'type': kind, 'checkpoint': weights}
        return ours, []
    return ours, [
        'the backbone starts from random weights: none are published for '
        f'arch={arch!r} and {image.shape[1]} input channels'
    ]


def _stages(
    stock: Stock, owner: Any, old: Any, image: Tensor
) -> tuple[int, ...]:
    """Stages of ours for the maps that are there."""
    if stock.host == 'mmpretrain':
        return (3,)
    name = owner['backbone']['type']
    found = maps.tensors(old)
    last = len(found) == 1 and heads.wants_last(stock.host, owner)
    pools = last and 'spatial_type' in owner.get('cls_head', ())
    if not pools and any(tensor.ndim != image.ndim for tensor in found):
        raise TiedBackboneError(
            f'{name} gives tokens or vectors, no maps, and the head takes them'
        )
    if last:
        return (3,)
    strides = maps.strides(old, image)
    # Dilated ones, whose heads take other strides too.
    if len(set(strides)) < len(strides) and stock.host != 'mmseg':
        raise TiedBackboneError(
            f'{name} gives several maps of one size (strides {strides}): '
            'ours gives one per size'
        )
    try:
        return match_stages(strides)
    except ValueError as error:
        raise TiedBackboneError(f'{name} is tied: {error}') from None
