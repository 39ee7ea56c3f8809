"""Loading weights into a backbone: strictly, and with an account."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import Tensor, nn

from uniformer_mm.registry import WEIGHT_INITIALIZERS
from uniformer_mm.weights.agreement import (
    check_identity,
    check_known_head_dim,
    contradictions,
    entry_of,
)
from uniformer_mm.weights.checks import listed
from uniformer_mm.weights.convert import convert, rules_for
from uniformer_mm.weights.download import fetch
from uniformer_mm.weights.files import read_weights
from uniformer_mm.weights.inflate import INFLATIONS, inflate
from uniformer_mm.weights.layout import Shapes, differences, shapes_of
from uniformer_mm.weights.recognize import recognize
from uniformer_mm.weights.report import Report

__all__ = ['UniFormerPretrained', 'load_backbone']

# What starts anew where no pre-training has it.
NEW = re.compile(r'norm[1-4]\.|.*\.(t_norm|t_attn)\.')


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
    (``t_norm``, ``t_attn``), which images have not, and for ``new_gains``:
    those start anew. Image weights go into a video backbone by inflation. One
    line of account is logged.

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
    check_known_head_dim(head_dim, backbone, identity, path)

    own = backbone.state_dict()
    shapes = shapes_of(own)
    grows = identity.ndim == 2 and backbone.ndim == 3
    modules = dict.fromkeys(key.split('.')[0] for key in own)
    state, report = convert(
        file.state,
        'backbone',
        identity=identity,
        rules=rules_for(modules, grows),
    )
    if grows:
        state, step = inflate(state, shapes, inflation)
        report = report.then(step)
    fresh = _check_keys(state, shapes, path, new_gains)
    _check_values(state, own, path)
    _start_anew(backbone, fresh)
    # With what is new in its place, so that loading can be strict.
    backbone.load_state_dict({k: state.get(k, own[k]) for k in own})
    print_log(
        f'{path.name} ({file.wrapper}) into {type(backbone).__name__}: '
        f'{report.summary()}; new, not in the file: {", ".join(fresh) or "-"}',
        logger='current',
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
    state: Mapping[str, Tensor], shapes: Shapes, path: Path, new_gains: bool
) -> list[str]:
    """Raise unless ``state`` fits ``shapes``; return the new modules."""
    missing, unknown, reshaped = differences(state, shapes)
    new = [
        key
        for key in missing
        if NEW.match(key) or (new_gains and '.gamma_' in key)
    ]
    missing = sorted(set(missing).difference(new))
    if missing or unknown or reshaped:
        wrong = [
            f'{key} is {tuple(state[key].shape)}, not {shapes[key]}'
            for key in reshaped
        ]
        raise ValueError(
            f'{path.name} does not fit: missing {missing}, unknown '
            f'{sorted(unknown)}, of another shape {wrong}'
        )
    return list(dict.fromkeys(key.rpartition('.')[0] for key in new))
