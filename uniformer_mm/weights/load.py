"""Loading weights into a backbone: strictly, and with a report."""

from __future__ import annotations

import os
import re
from typing import Any

from uniformer_mm.checks import check_choice
from uniformer_mm.weights.convert import convert
from uniformer_mm.weights.fitting import (
    check_form,
    check_head_dim,
    check_settings,
    check_tensors,
)
from uniformer_mm.weights.found import Found, find_weights
from uniformer_mm.weights.messages import tell
from uniformer_mm.weights.report import Report
from uniformer_mm.weights.rules import rules_for
from uniformer_mm.weights.steps import (
    INFLATIONS,
    STEM_CHANNELS,
    fit_stem,
    inflate,
)

__all__ = ['load_backbone']

# What starts anew where no pre-training has it.
NEW = re.compile(r'norm[1-4]\.|.*\.(t_norm|t_attn)\.')


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
    check_choice('inflation', inflation, INFLATIONS)
    check_choice('stem_channels', stem_channels, (None, *STEM_CHANNELS))
    if isinstance(source, Found) and ema is not None:
        raise ValueError(
            f'{ema=} is for find_weights, got what that returned: '
            f'{source.file.path} was read already'
        )
    found = source
    if not isinstance(found, Found):
        found = find_weights(found, ema=ema)
    file, identity, path = found.file, found.identity, found.file.path
    check_form(identity, backbone, path)
    check_settings(identity, backbone, path, new_gains, stem_channels)
    check_head_dim(found, backbone, head_dim)

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
    check_tensors(state, {k: v for k, v in own.items() if k not in new}, path)
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
