"""Segmentors as a weight file says, with its weights."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from uniformer_mm.portable.segmentor import Segmentor
from uniformer_mm.weights.found import Found, find_weights
from uniformer_mm.weights.messages import tell
from uniformer_mm.weights.reading import listed
from uniformer_mm.weights.settings import SEGMENTOR_SETTINGS, settings_in
from uniformer_mm.weights.whole import ModelFile, load_model

__all__ = ['load_segmentor']

# The second head of training: its layers as mmseg's FCNHead has them.
AUXILIARY = re.compile(
    r'auxiliary_head\.(conv_seg|convs\.\d+\.(conv|bn)|conv_cat\.(conv|bn))\.'
)
# In names of the catalogue: h14 is hybrid with windows of 14.
WINDOWS = re.compile(r'uniformer-\w+-([hw])(\d+)_')
MODES = {'h': 'hybrid', 'w': 'window'}
# What the heads are called -> a part that only they have.
PARTS = {'upernet': 'psp_modules', 'fpn': 'scale_heads'}
TOLD = {'arch', 'head', 'num_classes', 'channels', 'neck_channels'}


def load_segmentor(
    source: str | os.PathLike[str],
    *,
    segmentor_type: type[Segmentor] = Segmentor,
    head_dim: int | None = None,
    ema: bool | None = None,
    **options: Any,
) -> Segmentor:
    """Build the segmentor that a weight file holds, and load it strictly.

    The second head, which training alone has, is left out, and the log says
    so by name.

    Args:
        source: A name of the catalogue (``uniformer-mm weights``), a path, a
            URL, or 'hf-hub:OWNER/NAME' for the Hugging Face hub.
        segmentor_type: ``Segmentor`` or a class below it.
        head_dim: Channels per head, for files the catalogue does not know; it
            can't be seen in them. Defaults to None: the catalogue's or the
            file's, else the arch's own, of which a warning tells.
        ema: As in ``load_backbone``.
        **options: Further ones of ``Segmentor``, such as ``channel_order``.
            ``attention`` and ``window_size`` are by default what the
            catalogue or the file says, else 'global', of which a warning
            tells; ``names`` and ``palette`` what the file says.

    Returns:
        Segmentor: In eval mode, on the CPU.

    Raises:
        FileNotFoundError, OSError: The file is not there or can't be fetched.
        TypeError: An argument that ``Segmentor`` does not know, or that the
            file tells.
        ValueError: It is no UniFormer, or with another head than UperNet's or
            Semantic FPN's; or ``head_dim`` contradicts what is known.
    """
    told = sorted(TOLD & set(options))
    if told:
        raise TypeError(f'{told} of a pretrained segmentor are in its file')
    found = find_weights(source, ema=ema)
    name, state = found.file.path.name, found.file.state
    if found.identity.kind != 'segmentor':
        raise ValueError(
            f'{name} holds {found.identity.kind} weights, not those of a '
            'segmentor'
        )
    if found.identity.in_channels != 3:
        raise ValueError(
            f'{name} takes {found.identity.in_channels} channels, not R, G, B'
        )
    left_out = [key for key in state if AUXILIARY.match(key)]
    if left_out:
        tell(
            f'{name}: left out, as it serves training alone: '
            f'{listed(left_out, 20)}'
        )
    state = {k: v for k, v in state.items() if not AUXILIARY.match(k)}
    settings = {
        **_classes(found.file.meta),
        **_attention(found),
        **settings_in(found.file.meta, name, SEGMENTOR_SETTINGS),
        **options,
    }
    _warn_of_guesses(found, head_dim, settings)
    segmentor = segmentor_type(
        found.architecture(head_dim)['arch'],
        **_head(state, name),
        **settings,
    )
    file = ModelFile(replace(found.file, state=state), found.entry)
    load_model(segmentor.eval(), file, 'segmentation')
    return segmentor.eval()


def _head(state: Mapping[str, Tensor], name: str) -> dict[str, Any]:
    """Tell the head and its widths from keys and shapes.

    Raises:
        ValueError: It is another head.
    """
    heads = [
        head
        for head, part in PARTS.items()
        if any(key.startswith(f'decode_head.{part}.') for key in state)
    ]
    last = state.get('decode_head.conv_seg.weight')
    if len(heads) != 1 or last is None or last.ndim != 4:
        parts = {
            key.split('.')[1] for key in state if key.startswith('decode_')
        }
        raise ValueError(
            f'{name} has no head of UperNet or Semantic FPN (it has '
            f"{listed(sorted(parts))}): uniformer_mm.load('segmentation', "
            'config=..., weights=...), which needs mmseg, takes others'
        )
    told = {
        'head': heads[0],
        'num_classes': last.shape[0],
        'channels': last.shape[1],
    }
    lateral = state.get('neck.lateral_convs.0.conv.weight')
    if lateral is not None and lateral.ndim:
        told['neck_channels'] = lateral.shape[0]
    return told


def _attention(found: Found) -> dict[str, Any]:
    """Return how stage 3 attends, as the catalogue's name says."""
    match = found.entry and WINDOWS.search(found.entry.name)
    if not match:
        return {}
    return {'attention': MODES[match[1]], 'window_size': int(match[2])}


def _warn_of_guesses(
    found: Found, head_dim: int | None, settings: Mapping[str, Any]
) -> None:
    """Warn of what nobody told.

    Raises:
        ValueError: ``head_dim`` contradicts what is known.
    """
    name, known = found.file.path.name, found.head_dim
    if head_dim is not None and known not in (None, head_dim):
        raise ValueError(
            f'{head_dim=} contradicts what is known: {name} was trained with '
            f'head_dim={known}'
        )
    guessed = []
    if head_dim is None and known is None:
        guessed.append('head_dim, taken from its arch')
    light = found.identity.spec.light
    if not (light or found.entry or 'attention' in settings):
        guessed.append("attention, taken to be 'global'")
    if guessed:
        warnings.warn(
            f'{name} is not in the catalogue, and its weights do not show '
            f'{" and ".join(guessed)}: pass what it was trained with',
            stacklevel=4,
        )


def _classes(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return names and palette as mmseg, old or new, left them in a file."""
    new = meta.get('dataset_meta')
    entries = new if isinstance(new, dict) else meta
    found: dict[str, Any] = {}
    for option, key in (('names', 'classes'), ('palette', 'palette')):
        value = entries.get(key, entries.get(key.upper()))
        if isinstance(value, (list, tuple)):
            found[option] = value
    return found
