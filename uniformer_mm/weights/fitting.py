"""Whether weights fit a backbone, and what differs if they do not."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from uniformer_mm.weights.catalogued import head_dim_hint
from uniformer_mm.weights.found import Found, scaled
from uniformer_mm.weights.identity import Identity, hidden
from uniformer_mm.weights.messages import tell
from uniformer_mm.weights.reading import listed
from uniformer_mm.weights.steps import stem_ways

__all__ = [
    'check_form',
    'check_head_dim',
    'check_settings',
    'check_tensors',
    'differences',
]


def check_form(identity: Identity, backbone: Any, path: Path) -> None:
    """Raise unless both are plain or both are deployed."""
    kind = type(backbone).__name__
    if identity.deployed and not backbone.deployed:
        raise ValueError(
            f'{path.name} holds the weights of a deployed {kind}, this one is '
            'plain; call deploy() first, then load them'
        )
    if backbone.deployed and not identity.deployed:
        raise ValueError(
            f'{path.name} holds the weights of a plain {kind}, this one is '
            'deployed; load them into a plain one, then call deploy()'
        )
    if identity.deployed and identity.ndim != backbone.ndim:
        raise ValueError(
            f'{path.name} holds the weights of a deployed image model, which '
            'do not become those of videos; load the plain ones into a plain '
            'video model, then call deploy()'
        )


def check_settings(
    identity: Identity,
    backbone: Any,
    path: Path,
    new_gains: bool,
    stem_channels: str | None,
) -> None:
    """Raise unless the file holds the architecture of the backbone.

    With ``new_gains`` it may be without layer scale, with ``stem_channels``
    it may have another number of input channels.
    """
    theirs, ours = identity.spec, backbone.spec
    found: dict[str, tuple[object, object]] = {
        name: (getattr(theirs, name), getattr(ours, name))
        for name in ('light', 'depths', 'embed_dims', 'stem')
    }
    found['width of the MLPs'] = (hidden(theirs), hidden(ours))
    # Gains of deployed models are in their kernels.
    if not identity.deployed and (any(theirs.layer_scale) or not new_gains):
        stages = slice(backbone.num_stages)
        found['layer_scale'] = (
            scaled(theirs)[stages],
            scaled(ours)[stages],
        )
    names = ['ndim', 'split', 'temporal_stride_std']
    for name in names if identity.ndim == 3 else []:
        found[name] = (getattr(identity, name), getattr(backbone, name))
    wrong = [
        f'{name} is {got} in the file and {wanted} in the backbone'
        for name, (got, wanted) in found.items()
        if got != wanted
    ]
    channels, wanted = identity.in_channels, backbone.in_channels
    if channels != wanted and not stem_channels:
        wrong.append(
            f'in_channels is {channels} in the file and {wanted} in the '
            f'backbone; {stem_ways(channels, wanted)}'
        )
    if wrong:
        raise ValueError(f'{path.name} does not fit: {"; ".join(wrong)}')


def check_head_dim(found: Found, backbone: Any, stated: int | None) -> None:
    """Raise where head_dim is known to differ, warn where it is not known.

    Raises:
        ValueError: It differs from that of the file or the catalogue.
    """
    known, head_dim = found.head_dim, backbone.spec.head_dim
    name = found.file.path.name
    if stated is not None and known not in (None, stated):
        teller = 'catalogue' if found.entry else 'file'
        raise ValueError(
            f'head_dim={stated} contradicts the {teller}: '
            f'{found.entry.name if found.entry else name} was trained with '
            f'head_dim={known}'
        )
    known = stated if known is None else known
    if backbone.num_stages < 3:
        return
    if known is None:
        hint = head_dim_hint(found.identity)
        tell(
            f"{name} is not in the catalogue, and head_dim can't be "
            f'seen in weights: check that it was trained with {head_dim=}, '
            f'and say so by head_dim={head_dim} in init_cfg'
            + (f' (known files: {hint})' if hint else ''),
            logging.WARNING,
        )
    elif known != head_dim:
        raise ValueError(
            f'{name} was trained with head_dim={known}, the backbone has '
            f'{head_dim=}: it would load and be wrong; pass head_dim={known} '
            'to the backbone'
        )


def check_tensors(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor], path: Path
) -> None:
    """Raise unless ``state`` has the tensors of ``own``, which hold them."""
    wrong = differences(state, own, 'backbone')
    if wrong:
        raise ValueError(f'{path.name} does not fit: {listed(wrong)}')
    if any(value.is_meta for value in own.values()):
        raise ValueError(
            'the backbone is on the meta device, where nothing can be loaded: '
            "call backbone.to_empty(device='cpu') first"
        )
    wrong = [
        f'{key} as {own[key].dtype}'
        for key, value in state.items()
        if not value.to(own[key].dtype).isfinite().all()
    ]
    if wrong:
        raise ValueError(
            f'{path.name} holds {listed(wrong)}, which the backbone can '
            'not hold; load into a float32 backbone'
        )


def differences(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor], what: str
) -> list[str]:
    """Say which keys and shapes of a file and of a model differ.

    Args:
        state: Of the file.
        own: Of the model.
        what: To call the model, such as 'backbone'.
    """
    theirs = {key: tuple(value.shape) for key, value in state.items()}
    ours = {key: tuple(value.shape) for key, value in own.items()}
    return [
        f'{key} is {theirs.get(key, "missing")} in the file and '
        f'{ours.get(key, "missing")} in the {what}'
        for key in {**ours, **theirs}
        if theirs.get(key) != ours.get(key)
    ]
