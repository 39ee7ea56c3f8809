"""Loading weights into a backbone: strictly, and with a report."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from uniformer_mm.models import ARCHS, ArchSpec
from uniformer_mm.weights.convert import convert, rules_for
from uniformer_mm.weights.fetch import fetch
from uniformer_mm.weights.files import WeightFile, read_weights
from uniformer_mm.weights.hub import WEIGHTS_NAME
from uniformer_mm.weights.identity import Identity, hidden, recognize
from uniformer_mm.weights.messages import tell
from uniformer_mm.weights.reading import listed
from uniformer_mm.weights.steps import (
    INFLATIONS,
    STEM_CHANNELS,
    Report,
    fit_stem,
    inflate,
    stem_ways,
)
from uniformer_mm.weights.zoo import (
    ZooEntry,
    contradictions,
    entry_of,
    head_dim_hint,
)

__all__ = ['Found', 'find_weights', 'load_backbone']

# What starts anew where no pre-training has it.
NEW = re.compile(r'norm[1-4]\.|.*\.(t_norm|t_attn)\.')


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
        """Channels per head it was trained with, if that is known.

        By the catalogue or by the file: ``uniformer-mm convert`` writes it.
        """
        if self.entry:
            return self.entry.head_dim
        head_dim = self.file.meta.get('head_dim')
        return head_dim if type(head_dim) is int else None

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
                'can not be seen in weights: pass head_dim=, the channels per '
                'head that it was trained with'
            )
        spec = ARCHS[names[0]] if names else identity.spec
        changes: dict[str, Any] = {}
        if head_dim not in (None, spec.head_dim):
            changes['head_dim'] = head_dim
        if _scaled(identity.spec) != _scaled(spec):
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


def load_backbone(
    backbone: Any,
    source: str | os.PathLike[str] | Found,
    *,
    head_dim: int | None = None,
    inflation: str = 'mean',
    stem_channels: str | None = None,
    ema: bool | None = None,
    new_gains: bool = False,
) -> Report:
    """Load the backbone's part of a weight file.

    Every parameter and buffer comes from the file, but for the output norms
    (``norm1`` to ``norm4``), which no pre-training has, for time attention
    (``t_norm``, ``t_attn``), which images have not, and for ``new_gains``:
    those start anew. Image weights go into a video backbone by inflation. One
    line is logged, of what became of the keys.

    Args:
        backbone (UniFormer | UniFormerLight): It is changed in place.
        source (str | PathLike | Found): What ``find_weights`` takes, or what
            it returned.
        head_dim (int | None): Channels per head that the weights were trained
            with, for files the catalogue does not know; it can't be seen in
            them. Defaults to None.
        inflation (str): 'mean' or 'centre', how image kernels become those of
            videos. Defaults to 'mean', the official rule.
        stem_channels (str | None): How the stem's weights become those of
            another number of input channels: 'sum' (1 channel: their sum),
            'repeat' (more channels: repeated in turn, copies of a channel
            sharing its weight, so that a constant input gives what it gave)
            or 'zero' (more channels: zeros for the further ones); see
            ``steps.fit_stem``. Defaults to None: that is refused.
        ema (bool | None): True takes the averaged weights of a training file,
            False the raw ones. Defaults to None: what the program that wrote
            it would load, which is the average where MMEngine's EMAHook or
            torch's ``AveragedModel`` saved it, else the raw ones. The logged
            line says which.
        new_gains (bool): If the file has no layer scale, set the backbone's
            to its initial values, as the smallest video models do; else
            such a file is refused. Defaults to False.

    Returns:
        Report: What became of each key of the file.

    Raises:
        FileNotFoundError, OSError: The file is not there or can't be fetched.
        TypeError: ``backbone`` is neither class.
        ValueError: It is no UniFormer file, or another UniFormer.
    """
    if not hasattr(backbone, 'spec'):
        raise TypeError(
            'backbone must be a UniFormer or UniFormerLight, got '
            f'{type(backbone).__name__}'
        )
    if inflation not in INFLATIONS:
        raise ValueError(
            f'unknown inflation {inflation!r}; choose one of {INFLATIONS}'
        )
    if stem_channels not in (None, *STEM_CHANNELS):
        raise ValueError(
            f'unknown stem_channels {stem_channels!r}; choose one of '
            f'{STEM_CHANNELS}'
        )
    if isinstance(source, Found) and ema is not None:
        raise ValueError(
            f'{ema=} is for find_weights, got what that returned: '
            f'{source.file.path} was read already'
        )
    found = source
    if not isinstance(found, Found):
        found = find_weights(found, ema=ema)
    file, identity, path = found.file, found.identity, found.file.path
    _check_form(identity, backbone, path)
    _check_settings(identity, backbone, path, new_gains, stem_channels)
    _check_head_dim(found, backbone, head_dim)

    own = backbone.state_dict()
    shapes = {key: tuple(value.shape) for key, value in own.items()}
    grows = identity.ndim == 2 and backbone.ndim == 3
    modules = dict.fromkeys(key.split('.')[0] for key in own)
    state, report = convert(
        file.state,
        'backbone',
        identity=identity,
        rules=rules_for(modules, grows),
    )
    if stem_channels:
        state, step = fit_stem(state, backbone.in_channels, stem_channels)
        report = report.then(step)
    if grows:
        state, step = inflate(state, shapes, inflation)
        report = report.then(step)
    new = [
        key
        for key in own
        if key not in state
        and (NEW.match(key) or (new_gains and '.gamma_' in key))
    ]
    fresh = list(dict.fromkeys(key.rpartition('.')[0] for key in new))
    _check_tensors(state, {k: v for k, v in own.items() if k not in new}, path)
    _start_anew(backbone, fresh)
    # With what is new in its place, so that loading can be strict.
    backbone.load_state_dict({k: state.get(k, own[k]) for k in own})
    tell(
        f'{path.name} ({file.origin}) into {type(backbone).__name__}: '
        f'{report.summary()}; new, not in the file: {", ".join(fresh) or "-"}'
    )
    return report


def _start_anew(backbone: Any, names: list[str]) -> None:
    """Give modules the values that they start with, not what memory holds."""
    for name in names:
        backbone.get_submodule(name).reset_parameters()
        # Blocks know the start of their gains and of their time attention.
        block = '.'.join(name.split('.')[:2])
        if block.startswith('blocks'):
            backbone.get_submodule(block).reset_parameters()


def _scaled(spec: ArchSpec) -> tuple[bool, ...]:
    """Tell which stages have gains."""
    return tuple(gain > 0 for gain in spec.layer_scale)


def _check_form(identity: Identity, backbone: Any, path: Path) -> None:
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


def _check_settings(
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
            _scaled(theirs)[stages],
            _scaled(ours)[stages],
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


def _check_head_dim(found: Found, backbone: Any, stated: int | None) -> None:
    """Raise where head_dim is known to differ, warn where it is not known."""
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
            f'{name} is not in the catalogue, and head_dim can not be '
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


def _check_tensors(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor], path: Path
) -> None:
    """Raise unless ``state`` has the tensors of ``own``, which hold them."""
    theirs = {key: tuple(value.shape) for key, value in state.items()}
    ours = {key: tuple(value.shape) for key, value in own.items()}
    wrong = [
        f'{key} is {theirs.get(key, "missing")} in the file and '
        f'{ours.get(key, "missing")} in the backbone'
        for key in {**ours, **theirs}
        if theirs.get(key) != ours.get(key)
    ]
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
