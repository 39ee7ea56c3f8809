"""A file beside the catalogue: its entry, and what that adds or disputes."""

from __future__ import annotations

import logging
from pathlib import Path

from uniformer_mm.weights.files import WeightFile, file_sha256
from uniformer_mm.weights.identity import Identity
from uniformer_mm.weights.messages import tell
from uniformer_mm.weights.zoo import ZOO, ZooEntry, find_entry

__all__ = ['contradictions', 'entry_of', 'head_dim_hint', 'known_head_dim']


def entry_of(name: str, path: Path) -> ZooEntry | None:
    """Return the catalogue's entry of a file; warn of a borrowed name."""
    digest = file_sha256(path)
    entry = find_entry(name, digest) or find_entry(path.name, digest)
    namesake = None if entry else find_entry(path.name)
    if namesake:
        tell(
            f'{path.name} has the name of {namesake.name} but not its sha256: '
            'it is taken for an unknown file',
            logging.WARNING,
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


def known_head_dim(file: WeightFile, entry: ZooEntry | None) -> int | None:
    """Return the channels per head it was trained with, None if unknown.

    The catalogue knows, or the file: ``uniformer-mm convert`` writes it.
    """
    if entry:
        return entry.head_dim
    head_dim = file.meta.get('head_dim')
    return head_dim if type(head_dim) is int else None


def head_dim_hint(identity: Identity) -> str:
    """Tell the head_dim of the catalogued files of the recognised archs."""
    known: dict[int, list[str]] = {}
    for entry in ZOO.values():
        if entry.arch in identity.archs:
            known.setdefault(entry.head_dim, []).append(entry.name)
    return ', '.join(
        f'{head_dim} as {names[0]}' for head_dim, names in known.items()
    )
