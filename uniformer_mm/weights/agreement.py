"""Whether a file and a backbone, or a file and the catalogue, agree."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from uniformer_mm.weights.download import file_sha256
from uniformer_mm.weights.recognize import Identity
from uniformer_mm.weights.zoo import ZOO, ZooEntry, find_entry

__all__ = [
    'check_identity',
    'check_known_head_dim',
    'contradictions',
    'entry_of',
    'head_dim_hint',
]


def entry_of(name: str, path: Path) -> ZooEntry | None:
    """Return the catalogue's entry of a file; warn of a borrowed name."""
    digest = file_sha256(path)
    entry = find_entry(name, digest) or find_entry(path.name, digest)
    namesake = None if entry else find_entry(path.name)
    if namesake:
        print_log(
            f'{path.name} has the name of {namesake.name} but not its sha256: '
            'it is taken for an unknown file',
            logger='current',
            level=logging.WARNING,
        )
    return entry


def contradictions(entry: ZooEntry, identity: Identity) -> str:
    """Say how a file differs from its catalogue entry, '' if it doesn't."""
    found = {
        'arch': (' or '.join(identity.archs), entry.arch),
        'ndim': (identity.ndim, entry.ndim),
        'token_labeling': (
            identity.token_labeling,
            # A dense model from token-labelled weights has lost the head.
            entry.token_labeling and identity.kind == 'classifier',
        ),
    }
    return '; '.join(
        f'{name} is {got} in the file and {told} in the catalogue'
        for name, (got, told) in found.items()
        if told != got and not (name == 'arch' and told in identity.archs)
    )


def head_dim_hint(identity: Identity) -> str:
    """Tell the head_dim of the catalogued files of the recognised archs."""
    known: dict[int, list[str]] = {}
    for entry in ZOO.values():
        if entry.arch in identity.archs:
            known.setdefault(entry.head_dim, []).append(entry.name)
    return ', '.join(
        f'{head_dim} as {names[0]}' for head_dim, names in known.items()
    )


def check_known_head_dim(
    known: int | None, backbone: Any, identity: Identity, path: Path
) -> None:
    """Raise where head_dim is known to differ, warn where it is not known."""
    head_dim = backbone.spec.head_dim
    if backbone.num_stages < 3:
        return
    if known is None:
        hint = head_dim_hint(identity)
        print_log(
            f'{path.name} is not in the catalogue, and head_dim can not be '
            f'seen in weights: check that it was trained with {head_dim=}, '
            f'and say so by head_dim={head_dim} in init_cfg'
            + (f' (known files: {hint})' if hint else ''),
            logger='current',
            level=logging.WARNING,
        )
    elif known != head_dim:
        raise ValueError(
            f'{path.name} was trained with head_dim={known}, the backbone has '
            f'{head_dim=}: it would load and be wrong; pass head_dim={known} '
            'to the backbone'
        )


def check_identity(
    identity: Identity, backbone: Any, path: Path, new_gains: bool = False
) -> None:
    """Raise unless the file holds the architecture of the backbone.

    With ``new_gains`` it may be without layer scale.
    """
    traits = ('light', 'depths', 'embed_dims', 'stem')
    found = {
        name: (getattr(identity, name), getattr(backbone.spec, name))
        for name in traits
    }
    if any(identity.layer_scale) or not new_gains:
        stages = slice(backbone.num_stages)
        scaled = tuple(gain > 0 for gain in backbone.spec.layer_scale)
        found['layer_scale'] = (identity.layer_scale[stages], scaled[stages])
    if identity.ndim == 3:
        for name in ('ndim', 'split', 'temporal_stride_std'):
            found[name] = (getattr(identity, name), getattr(backbone, name))
    wrong = [
        f'{name} is {theirs} in the file and {ours} in the backbone'
        for name, (theirs, ours) in found.items()
        if theirs != ours
    ]
    if wrong:
        raise ValueError(f'{path.name} does not fit: {"; ".join(wrong)}')
