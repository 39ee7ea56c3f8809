"""A weight file of a backbone: fetched, read and recognised."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from uniformer_mm.models import ARCHS, ArchSpec
from uniformer_mm.weights.catalogued import (
    contradictions,
    entry_of,
    known_head_dim,
)
from uniformer_mm.weights.fetch import fetch
from uniformer_mm.weights.files import WeightFile, read_weights
from uniformer_mm.weights.hub import WEIGHTS_NAME
from uniformer_mm.weights.identity import Identity
from uniformer_mm.weights.recognize import recognize
from uniformer_mm.weights.zoo import ZooEntry

__all__ = ['Found', 'find_weights', 'scaled']


@dataclass(frozen=True)
class Found:
    """A weight file that was fetched, read and recognised.

    Attributes:
        file (WeightFile): What was read.
        identity (Identity): What it is.
        entry (ZooEntry | None): What the catalogue knows of it.
    """

    file: WeightFile
    identity: Identity
    entry: ZooEntry | None

    @property
    def head_dim(self) -> int | None:
        """Channels per head it was trained with, if that is known."""
        return known_head_dim(self.file, self.entry)

    def architecture(self, head_dim: int | None = None) -> dict[str, Any]:
        """Return ``arch`` and the like, as a backbone takes them.

        Args:
            head_dim (int | None): Channels per head, where neither the
                catalogue nor the file tells. Defaults to None: the arch's
                own.

        Raises:
            ValueError: Nobody tells ``head_dim``.
        """
        identity = self.identity
        names = [self.entry.arch] if self.entry else [*identity.archs]
        head_dim = self.head_dim or head_dim
        if not names and head_dim is None:
            raise ValueError(
                f'{self.file.path.name} is of no known variant, and head_dim '
                "can't be seen in weights: pass head_dim=, the channels per "
                'head that it was trained with'
            )
        spec = ARCHS[names[0]] if names else identity.spec
        changes: dict[str, Any] = {}
        if head_dim not in (None, spec.head_dim):
            changes['head_dim'] = head_dim
        if scaled(identity.spec) != scaled(spec):
            changes['layer_scale'] = identity.spec.layer_scale
        told: dict[str, Any] = {
            'arch': replace(spec, params=None, **changes) if changes else spec,
            'ndim': identity.ndim,
            'in_channels': identity.in_channels,
        }
        flags = ('split', 'temporal_stride_std')
        return told | {flag: True for flag in flags if getattr(identity, flag)}


def find_weights(
    source: str | os.PathLike[str], *, ema: bool | None = None
) -> Found:
    """Fetch, read and recognise a weight file.

    Args:
        source (str | PathLike): A name of the catalogue, a path, a URL, or
            'hf-hub:OWNER/NAME' for the Hugging Face hub.
        ema (bool | None): As in ``load_backbone``. Defaults to None.

    Raises:
        FileNotFoundError, OSError: The file is not there or can't be fetched.
        ValueError: It is no UniFormer file, or not the catalogued one.
    """
    name = os.path.expanduser(os.fspath(source))
    path = Path(name)
    if not path.is_dir() or (path / WEIGHTS_NAME).is_file():
        path = fetch(name)
    file = read_weights(path, ema=ema)
    identity = recognize(file.state, ARCHS)
    entry = entry_of(name, path)
    wrong = contradictions(entry, identity) if entry else ''
    if entry and wrong:
        raise ValueError(
            f'{path} is not {entry.name}, whose name it has: {wrong}; '
            'rename it if it is another model'
        )
    return Found(file, identity, entry)


def scaled(spec: ArchSpec) -> tuple[bool, ...]:
    """Tell which stages have gains."""
    return tuple(gain > 0 for gain in spec.layer_scale)
