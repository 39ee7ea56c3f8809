"""The keys and shapes that a UniFormer has, by what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.models import (
    ArchSpec,
    UniFormer,
    UniFormerClassifier,
    UniFormerLight,
)
from uniformer_mm.weights.checks import listed

__all__ = [
    'COUNTER',
    'Identity',
    'Shapes',
    'differences',
    'faults',
    'layout',
    'shapes_of',
]

COUNTER = '.num_batches_tracked'
# Modules that a file may leave out: output norms, the class token's head.
OPTIONAL = {'norm1', 'norm2', 'norm3', 'norm4', 'norm_cls', 'head_cls'}
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Identity:
    """What a state dict is.

    The channels per attention head (``head_dim``) are not here: they change
    no key and no shape.

    Attributes:
        kind (str): 'backbone' (bare stages, with or without output norms),
            'classifier', 'detector', 'segmentor', 'pose' or 'recognizer'
            (classifier of videos as mmaction2 lays it out).
        ndim (int): 2 for images, 3 for videos.
        light (bool): Of ``UniFormerLight``, not of ``UniFormer``.
        stem (str): 'patch', 'conv' or 'conv_first'.
        layer_scale (tuple[bool]): Which stages have gains.
        depths (tuple[int]): Blocks per stage.
        embed_dims (tuple[int]): Channels per stage.
        mlp_ratio (float): Hidden width of the MLPs over their input width;
            the smallest that gives the widths found.
        split (bool): Has attention over time apart from that over space.
        temporal_stride_std (bool): Patches of stages 2-4 overlap in time.
        token_labeling (bool): Has the auxiliary head on every token.
        num_classes (int | None): Classes of the head, where it has classes.
        archs (tuple[str]): Names of the variants it can be. If none agrees in
            all, those that differ in layer scale alone: that is a setting.
    """

    kind: str
    ndim: int
    light: bool
    stem: str
    layer_scale: tuple[bool, ...]
    depths: tuple[int, ...]
    embed_dims: tuple[int, ...]
    mlp_ratio: float
    split: bool
    temporal_stride_std: bool
    token_labeling: bool
    num_classes: int | None
    archs: tuple[str, ...]

    @property
    def spec(self) -> ArchSpec:
        """The variant, with gains of 1 and attention heads of one channel."""
        return ArchSpec(
            self.depths,
            self.embed_dims,
            head_dim=1,
            # Found as width / dim, it may be a hair too small.
            mlp_ratio=self.mlp_ratio + 1e-9,
            stem=self.stem,
            layer_scale=tuple(map(float, self.layer_scale)),
            light=self.light,
        )


def shapes_of(state: Mapping[str, Tensor]) -> Shapes:
    """Return key -> shape."""
    return {key: tuple(value.shape) for key, value in state.items()}


def layout(
    identity: Identity, in_channels: int = 3, out_norm: str = 'LN'
) -> Shapes:
    """Return key -> shape of the bare model, all that it may have included.

    Args:
        identity: What the model is. Heads are those of classifiers alone.
        in_channels: Channels of the input.
        out_norm: 'LN' (norms of all outputs) or 'BN', as the backbones take
            it. Classifiers have the latter.

    Raises:
        ValueError: There is no such model.
    """
    options: dict[str, Any] = {
        'ndim': identity.ndim,
        'in_channels': in_channels,
    }
    if not identity.light:
        options['split'] = identity.split
        options['temporal_stride_std'] = identity.temporal_stride_std
    model: type[Any] = UniFormerLight if identity.light else UniFormer
    if identity.kind == 'classifier':
        model = UniFormerClassifier
        options['num_classes'] = identity.num_classes or 1
        options['token_labeling'] = identity.token_labeling
    else:
        options['out_norm'] = out_norm
        options['out_indices'] = (3,) if out_norm == 'BN' else (0, 1, 2, 3)
        if identity.light:
            options['out_cls_token'] = True
    with torch.device('meta'):
        state = model(identity.spec, **options).state_dict()
    return {
        key.removeprefix('backbone.'): shape
        for key, shape in shapes_of(state).items()
    }


def differences(
    state: Mapping[str, Tensor], shapes: Shapes
) -> tuple[list[str], list[str], list[str]]:
    """Return the keys that are missing, unknown and of another shape."""
    missing = [key for key in shapes if key not in state]
    unknown = [key for key in state if key not in shapes]
    reshaped = [
        key
        for key, shape in shapes.items()
        if key in state and tuple(state[key].shape) != shape
    ]
    return missing, unknown, reshaped


def faults(state: Mapping[str, Tensor], identity: Identity) -> list[str]:
    """Return what is wrong with the keys and shapes of a bare model.

    Args:
        state: Stages, output norms and heads of a classifier.
        identity: What the model is.

    Returns:
        list[str]: Sentences that list the keys; empty if all is well.
    """
    stem = 'proj' if identity.stem == 'patch' else 'proj.0'
    first = state.get(f'patch_embed1.{stem}.weight')
    colors = 3 if first is None or first.ndim < 2 else first.shape[1]
    present = {key.split('.')[0] for key in state}
    try:
        shapes = layout(identity, colors, 'BN' if 'norm' in present else 'LN')
    except ValueError as error:
        return [str(error)]
    left_out = OPTIONAL - present
    expected = {
        key: shape
        for key, shape in shapes.items()
        if key.split('.')[0] not in left_out
    }
    missing, unknown, reshaped = differences(state, expected)
    missing = [key for key in missing if not key.endswith(COUNTER)]
    wrong = [
        f'{key} {tuple(state[key].shape)} instead of {expected[key]}'
        for key in reshaped
    ]
    found = {'missing': missing, 'unknown': unknown, 'wrong shape': wrong}
    return [f'{what} {listed(keys)}' for what, keys in found.items() if keys]
