"""The keys and shapes that a UniFormer has, by what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

__all__ = ['COUNTER', 'Identity', 'faults', 'hidden_width', 'layout', 'listed']

COUNTER = '.num_batches_tracked'
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


def hidden_width(dim: int, mlp_ratio: float) -> int:
    """Return the hidden width of an MLP; it is rounded down."""
    # A ratio that was found as width / dim may come out a hair too small.
    return int(dim * mlp_ratio + 1e-6)


def listed(keys: Sequence[object], limit: int = 8) -> str:
    """Return the keys in a line: the first ``limit``, and how many more."""
    more = f' and {len(keys) - limit} more' if len(keys) > limit else ''
    return ', '.join(map(str, keys[:limit])) + more


def layout(identity: Identity, in_channels: int = 3) -> Shapes:
    """Return key -> shape of the stages, without output norms and heads."""
    shapes: Shapes = {}
    for i, depth in enumerate(identity.depths):
        shapes |= _within(
            f'patch_embed{i + 1}', _stem(identity, i, in_channels)
        )
        for j in range(depth):
            shapes |= _within(f'blocks{i + 1}.{j}', _block(identity, i, j))
    if identity.light:
        shapes['cls_token'] = (1, 1, identity.embed_dims[2])
        shapes |= _affine('cls_upsample', *identity.embed_dims[:1:-1])
    return shapes


def faults(state: Mapping[str, Tensor], identity: Identity) -> list[str]:
    """Return what is wrong with the keys and shapes of a bare model.

    Args:
        state: Stages, output norms and heads of a classifier.
        identity: What the model is.

    Returns:
        list[str]: Sentences that list the keys; empty if all is well.
    """
    stem = 'patch_embed1.proj.weight'
    if identity.stem != 'patch':
        stem = 'patch_embed1.proj.0.weight'
    first = state.get(stem)
    colors = 3 if first is None or first.ndim < 2 else first.shape[1]
    expected = layout(identity, colors)
    for shapes, needed in _extras(identity):
        if needed or any(key in state for key in shapes):
            expected |= shapes

    missing = [
        key
        for key in expected
        if key not in state and not key.endswith(COUNTER)
    ]
    unknown = [key for key in state if key not in expected]
    wrong = [
        f'{key} {tuple(state[key].shape)} instead of {shape}'
        for key, shape in expected.items()
        if key in state and tuple(state[key].shape) != shape
    ]
    return [
        f'{what} {listed(keys)}'
        for what, keys in (
            ('missing', missing),
            ('unknown', unknown),
            ('wrong shape', wrong),
        )
        if keys
    ]


def _extras(identity: Identity) -> list[tuple[Shapes, bool]]:
    """Return output norms and heads, and whether the model needs each."""
    dim = identity.embed_dims[-1]
    is_classifier = identity.kind == 'classifier'
    extras = [
        (_affine(f'norm{i + 1}', width), False)
        for i, width in enumerate(identity.embed_dims)
    ]
    extras.append((_batch_norm('norm', dim), is_classifier))
    if is_classifier:
        classes = identity.num_classes or 0
        extras.append((_affine('head', classes, dim), True))
        extras.append((_affine('aux_head', classes, dim), False))
        extras.append((_affine('head_cls', classes, dim), False))
    if is_classifier or identity.light:
        extras.append((_affine('norm_cls', dim), False))
    return extras


def _within(name: str, shapes: Shapes) -> Shapes:
    return {f'{name}.{key}': shape for key, shape in shapes.items()}


def _affine(name: str, *shape: int) -> Shapes:
    return {f'{name}.weight': shape, f'{name}.bias': shape[:1]}


def _batch_norm(name: str, dim: int) -> Shapes:
    statistics = {f'{name}.running_{of}': (dim,) for of in ('mean', 'var')}
    return {**_affine(name, dim), **statistics, name + COUNTER: ()}


def _stem(identity: Identity, i: int, in_channels: int) -> Shapes:
    """Return the shapes of the patch embedding of stage ``i``."""
    dim = identity.embed_dims[i]
    last = identity.embed_dims[i - 1] if i else in_channels
    times = identity.ndim - 2
    if identity.stem == 'patch' or (identity.stem == 'conv_first' and i):
        time = 3 if i == 0 or identity.temporal_stride_std else 1
        side = 2 if i else 4
        kernel = (time,) * times + (side, side)
        return _affine('norm', dim) | _affine('proj', dim, last, *kernel)
    if i:
        kernel = (1,) * times + (3, 3)
        conv = _affine('proj.0', dim, last, *kernel)
        return conv | _batch_norm('proj.1', dim)
    kernel = (3,) * identity.ndim
    half = dim // 2
    return (
        _affine('proj.0', half, last, *kernel)
        | _batch_norm('proj.1', half)
        | _affine('proj.3', dim, half, *kernel)
        | _batch_norm('proj.4', dim)
    )


def _block(identity: Identity, i: int, j: int) -> Shapes:
    """Return the shapes of block ``j`` of stage ``i``."""
    dim = identity.embed_dims[i]
    hidden = hidden_width(dim, identity.mlp_ratio)
    three, five = (3,) * identity.ndim, (5,) * identity.ndim
    is_conv = i < 2
    one = (1,) * identity.ndim if is_conv else ()
    norm = _batch_norm if is_conv else _affine
    shapes = (
        _affine('pos_embed', dim, 1, *three)
        | norm('norm1', dim)
        | norm('norm2', dim)
        | _affine('mlp.fc1', hidden, dim, *one)
        | _affine('mlp.fc2', dim, hidden, *one)
    )
    if is_conv:
        shapes |= _affine('conv1', dim, dim, *one)
        shapes |= _affine('conv2', dim, dim, *one)
        shapes |= _affine('attn', dim, 1, *five)
    else:
        shapes |= _attention('attn', dim)
        if identity.split:
            shapes |= _affine('t_norm', dim) | _attention('t_attn', dim)
    if identity.layer_scale[i]:
        gains = ['gamma_1', 'gamma_2']
        # Light images have a third gain wherever tokens are left out.
        if (
            identity.light
            and identity.ndim == 2
            and i > 1
            and (i, j) != (2, 0)
        ):
            gains.append('gamma_3')
        shape = (1, dim, *one) if is_conv else (dim,)
        shapes |= dict.fromkeys(gains, shape)
    return shapes


def _attention(name: str, dim: int) -> Shapes:
    return _affine(f'{name}.qkv', 3 * dim, dim) | _affine(
        f'{name}.proj', dim, dim
    )
