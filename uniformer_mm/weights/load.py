"""Loading weights into a backbone: strictly, and with an account."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from uniformer_mm.registry import WEIGHT_INITIALIZERS
from uniformer_mm.weights.agreement import (
    check_head_dim,
    check_identity,
    contradictions,
    entry_of,
)
from uniformer_mm.weights.convert import convert
from uniformer_mm.weights.download import fetch
from uniformer_mm.weights.files import read_weights
from uniformer_mm.weights.inflate import INFLATIONS, inflate
from uniformer_mm.weights.layout import listed
from uniformer_mm.weights.recognize import recognize
from uniformer_mm.weights.report import Report

__all__ = ['UniFormerPretrained', 'load_backbone']

COUNTER = 'norm.num_batches_tracked'


def load_backbone(
    backbone: Any,
    source: str | os.PathLike[str],
    *,
    head_dim: int | None = None,
    inflation: str = 'mean',
    ema: bool = False,
    new_gains: bool = False,
) -> Report:
    """Load the backbone's part of a weight file.

    Every parameter and buffer comes from the file, but for the output norms
    (``norm1`` to ``norm4``), which no pre-training has, for time attention
    (``t_norm``, ``t_attn``), which images have not, and for ``new_gains``.
    Image weights go into a video backbone by inflation. One line of account is
    logged.

    Args:
        backbone (UniFormer | UniFormerLight): It is changed in place.
        source (str | PathLike): A name of the catalogue, a path or a URL.
        head_dim (int | None): Channels per head that the weights were trained
            with, for files the catalogue does not know; it can't be seen in
            them. Defaults to None.
        inflation (str): 'mean' or 'centre', how image kernels become those of
            videos. Defaults to 'mean', the official rule.
        ema (bool): Take the averaged weights of a training file. Defaults to
            False.
        new_gains (bool): If the file has no layer scale, keep the backbone's
            at its initial values, as the smallest video models do; else
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
    name = os.path.expanduser(os.fspath(source))
    path = Path(name) if os.path.isdir(name) else fetch(name)
    file = read_weights(path, ema=ema)
    identity = recognize(file.state, backbone.archs)
    entry = entry_of(name, path)
    if entry:
        wrong = contradictions(entry, identity)
        if wrong:
            raise ValueError(
                f'{path} is not {entry.name}, whose name it has: {wrong}; '
                'rename it if it is another model'
            )
        if head_dim not in (None, entry.head_dim):
            raise ValueError(
                f'head_dim={head_dim} contradicts the catalogue: '
                f'{entry.name} was trained with head_dim={entry.head_dim}'
            )
        head_dim = entry.head_dim
    check_identity(identity, backbone, path, new_gains)
    check_head_dim(head_dim, backbone, identity, path)

    state, report = _backbone_part(file.state, backbone)
    own = backbone.state_dict()
    target = {key: tuple(value.shape) for key, value in own.items()}
    grows = identity.ndim == 2 and backbone.ndim == 3
    state, step = _drop_unbuilt(state, target, grows)
    report = report.then(step)
    if grows:
        state, step = inflate(state, target, inflation)
        report = report.then(step)
    fresh = _check_keys(state, target, path, new_gains)
    _check_values(state, own, path)
    # What is new keeps its values, so that loading can be strict.
    backbone.load_state_dict({k: state.get(k, own[k]) for k in own})
    print_log(
        f'{path.name} ({file.wrapper}) into {type(backbone).__name__}: '
        f'{report.summary()}; new, not in the file: {", ".join(fresh) or "-"}',
        logger='current',
    )
    return report


@WEIGHT_INITIALIZERS.register_module()
class UniFormerPretrained:
    """Initialisation by official weights, for ``init_cfg``.

    Unlike MMEngine's ``Pretrained`` it unwraps and converts every official
    kind of file, and refuses what does not fit.

    Args:
        checkpoint (str): As ``source`` of ``load_backbone``.
        head_dim (int | None): As in ``load_backbone``. Defaults to None.
        inflation (str): As in ``load_backbone``. Defaults to 'mean'.
        ema (bool): As in ``load_backbone``. Defaults to False.
        new_gains (bool): As in ``load_backbone``. Defaults to False.

    Examples:
        >>> init_cfg = dict(
        ...     type='uniformer_mm.UniFormerPretrained',
        ...     checkpoint='uniformer_small_in1k.pth')
    """

    def __init__(
        self,
        checkpoint: str,
        head_dim: int | None = None,
        inflation: str = 'mean',
        ema: bool = False,
        new_gains: bool = False,
    ) -> None:
        self.checkpoint = checkpoint
        self.options: dict[str, Any] = {
            'head_dim': head_dim,
            'inflation': inflation,
            'ema': ema,
            'new_gains': new_gains,
        }

    def __call__(self, module: nn.Module) -> None:
        """Load the weights into ``module``."""
        load_backbone(module, self.checkpoint, **self.options)


def _backbone_part(
    state: Mapping[str, Tensor], backbone: Any
) -> tuple[dict[str, Tensor], Report]:
    """Convert to the keys of the backbone, with the final norms it has."""
    part, report = convert(state, 'backbone')
    final = tuple(
        f'{name}.' for name in ('norm', 'norm_cls') if hasattr(backbone, name)
    )
    if not final:
        return part, report
    norm = {
        key: key.removeprefix('backbone.')
        for key in report.dropped
        if key.removeprefix('backbone.').startswith(final)
    }
    part |= {target: state[key] for key, target in norm.items()}
    if norm and backbone.out_norm == 'BN' and COUNTER not in part:
        part[COUNTER] = torch.tensor(0)
    dropped = {k: v for k, v in report.dropped.items() if k not in norm}
    kept = tuple(k for k, target in norm.items() if k == target)
    renamed = {k: target for k, target in norm.items() if k != target}
    return part, replace(
        report,
        kept=report.kept + kept,
        renamed={**report.renamed, **renamed},
        dropped=dropped,
    )


def _drop_unbuilt(
    state: dict[str, Tensor],
    target: Mapping[str, tuple[int, ...]],
    grows: bool,
) -> tuple[dict[str, Tensor], Report]:
    """Leave out stages, output norms and gains that the backbone lacks."""
    built = {name.split('.')[0] for name in target}
    optional = {f'norm{i}' for i in range(1, 5)}
    optional |= {
        f'{n}{i}' for n in ('patch_embed', 'blocks') for i in (2, 3, 4)
    }
    optional |= {'cls_token', 'cls_upsample'}
    unbuilt = {
        key
        for key in state
        if (name := key.split('.')[0]) in optional and name not in built
    }
    dropped = dict.fromkeys(unbuilt, 'stage or norm not in the backbone')
    if grows:
        gains = [k for k in state if k.endswith('.gamma_3')]
        dropped |= dict.fromkeys(gains, 'gain that only image models have')
    kept = {k: v for k, v in state.items() if k not in dropped}
    # A counter that _backbone_part made has no source to tell of.
    return kept, Report(kept=tuple(kept), dropped=dropped)


def _check_values(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor], path: Path
) -> None:
    """Raise unless the backbone can hold the values of the file."""
    if any(value.is_meta for value in own.values()):
        raise ValueError(
            'the backbone is on the meta device, where nothing can be loaded: '
            "call backbone.to_empty(device='cpu') first"
        )
    wrong = [
        f'{key} as {own[key].dtype}'
        for key, value in state.items()
        if value.is_floating_point() != own[key].is_floating_point()
        or not value.to(own[key].dtype).isfinite().all()
    ]
    if wrong:
        raise ValueError(
            f'{path.name} holds {listed(wrong)}, which the backbone can '
            'not hold; load into a float32 backbone'
        )


def _check_keys(
    state: Mapping[str, Tensor],
    target: Mapping[str, tuple[int, ...]],
    path: Path,
    new_gains: bool,
) -> list[str]:
    """Raise unless ``state`` fills ``target``; return the new modules."""
    new = [
        key
        for key in target
        if key not in state
        and (
            key.split('.')[0] in ('norm1', 'norm2', 'norm3', 'norm4')
            or '.t_norm.' in key
            or '.t_attn.' in key
            or (new_gains and '.gamma_' in key)
        )
    ]
    missing = sorted(set(target) - set(state) - set(new))
    extra = sorted(set(state) - set(target))
    shapes = [
        f'{key} is {tuple(state[key].shape)}, not {target[key]}'
        for key in state
        if key in target and tuple(state[key].shape) != target[key]
    ]
    if missing or extra or shapes:
        raise ValueError(
            f'{path.name} does not fit: missing {missing}, unknown {extra}, '
            f'of another shape {shapes}'
        )
    return list(dict.fromkeys(key.rpartition('.')[0] for key in new))
