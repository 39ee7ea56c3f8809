"""What a state dict holds, told from its keys and shapes.

A few tensors say what the model is. That model is then built on the meta
device, and its keys and shapes are compared with all that is there, so that
damage is told from variants.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.deployed import deploy
from uniformer_mm.models import (
    ArchSpec,
    UniFormer,
    UniFormerClassifier,
    UniFormerLight,
)
from uniformer_mm.models.form import MARK
from uniformer_mm.weights.added import check_nothing_is_added
from uniformer_mm.weights.identity import Identity, hidden
from uniformer_mm.weights.kinds import PREFIX, STAGES, State, parts_of
from uniformer_mm.weights.reading import listed

__all__ = ['COUNTER', 'recognize']

COUNTER = '.num_batches_tracked'
# Last layer of a head -> its outputs that are no class (the background).
CLASS_LAYERS: Mapping[str, int] = {
    'head': 0,
    'head.fc': 0,
    'cls_head.fc_cls': 0,
    'decode_head.conv_seg': 0,
    'roi_head.bbox_head.fc_cls': 1,
    'roi_head.bbox_head.0.fc_cls': 1,
}
# Modules that a file may leave out: output norms, the class token's head.
OPTIONAL = {'norm1', 'norm2', 'norm3', 'norm4', 'norm_cls', 'head_cls'}


def recognize(state: State, archs: Mapping[str, ArchSpec]) -> Identity:
    """Tell what ``state`` is; it must be a UniFormer, whole and consistent.

    What no key or shape shows is not told: ``head_dim``, the attention mode,
    the input size. Counters of batch norms may be missing, as in files that
    are older than they are. The heads of detectors, segmentors, pose
    estimators and recognizers are not looked into.

    Args:
        state: Weights, without the checkpoint around them.
        archs: Name -> published variant, such as the ``ARCHS`` of the
            backbones.

    Raises:
        ValueError: It is no UniFormer (the message has the likely reason), or
            keys are missing, unknown or of a wrong shape; they are listed.
    """
    strange = [k for k, v in state.items() if not isinstance(v, Tensor)]
    if strange:
        raise ValueError(
            f'not a UniFormer file: {listed(strange)} hold no tensor; pass '
            'the state dict inside of the checkpoint'
        )
    kind, body, heads = parts_of(state)
    check_nothing_is_added(body)
    identity = _structure(kind, body, heads)
    bare = {**body, **heads} if kind == 'classifier' else body
    wrong = _faults(bare, identity)
    if wrong:
        raise ValueError(f'damaged UniFormer file: {"; ".join(wrong)}')
    return replace(identity, archs=_matches(identity, archs))


def _structure(kind: str, body: State, heads: State) -> Identity:
    """Tell each field of the identity from what most tensors say."""

    def vote(pattern: str, measure: Callable[[Tensor], int]) -> int:
        votes = Counter(
            measure(value)
            for key, value in body.items()
            if value.ndim and re.fullmatch(pattern, key)
        )
        if not votes:
            raise ValueError(
                f'damaged UniFormer file: no key matches {pattern}'
            )
        return votes.most_common(1)[0][0]

    def has(pattern: str) -> bool:
        return any(re.match(pattern, key) for key in body)

    depths = tuple(_depth(body, i) for i in STAGES)
    block = [rf'blocks{i + 1}\.\d+\.' for i in STAGES]
    dims = tuple(vote(b + r'(pos_embed|norm\d)\.bias', len) for b in block)
    widths = [vote(b + r'mlp\.fc1\.bias', len) for b in block]
    ndim = vote(r'blocks\d\.\d+\.pos_embed\.weight', Tensor.dim) - 2
    if ndim not in (2, 3):
        raise ValueError(
            'damaged UniFormer file: blocks*.pos_embed.weight must have 4 '
            f'axes (images) or 5 (videos), got {ndim + 2}'
        )
    light = has(r'cls_token$|cls_upsample\.')
    convs = [has(rf'patch_embed{i + 1}\.proj\.\d') for i in STAGES]
    stem = 'conv_first' if convs[0] else 'patch'
    if any(convs[1:]) and not light:
        stem = 'conv'
    patches = body.get('patch_embed4.proj.weight')
    first = body.get(f'patch_embed1.proj{".0" * convs[0]}.weight')
    classes = [
        len(value) - others
        for layer, others in CLASS_LAYERS.items()
        for part in ('bias', 'weight')
        if (value := heads.get(f'{layer}.{part}')) is not None and value.ndim
    ]
    # Found as width / dim, it may be a hair too small.
    ratio = max(w / max(d, 1) for w, d in zip(widths, dims, strict=True))
    gains = tuple(float(has(b + r'gamma_\d$')) for b in block)
    try:
        spec = ArchSpec(depths, dims, 1, ratio + 1e-9, stem, gains, light)
    except ValueError as error:
        raise ValueError(f'damaged UniFormer file: {error}') from error
    return Identity(
        kind,
        spec,
        ndim,
        in_channels=3 if first is None or first.ndim < 2 else first.shape[1],
        split=ndim == 3 and has(r'blocks[34]\.\d+\.t_'),
        temporal_stride_std=(
            ndim == 3
            and stem != 'conv'
            and patches is not None
            and patches.shape[2:3] == (3,)
        ),
        token_labeling=any(
            key.startswith(('aux_head.', 'head.fc_aux.')) for key in heads
        ),
        num_classes=classes[0] if classes else None,
        deployed=MARK in body,
    )


def _depth(body: State, i: int) -> int:
    """Return how many blocks stage ``i`` has; none may be left out."""
    found = (re.match(rf'blocks{i + 1}\.(\d+)\.', key) for key in body)
    numbers = {int(match[1]) for match in found if match}
    gaps = [j for j in range(max(len(numbers), 1)) if j not in numbers]
    if gaps:
        names = [f'blocks{i + 1}.{j}' for j in gaps]
        raise ValueError(
            f'damaged UniFormer file: no {listed(names)}, the blocks of stage '
            f'{i + 1} are {listed(sorted(numbers))}'
        )
    return len(numbers)


def _faults(state: State, identity: Identity) -> list[str]:
    """Return what is wrong with the keys and shapes of a bare model.

    Args:
        state: Stages, output norms and heads of a classifier.
        identity: What the model is.

    Returns:
        list[str]: Sentences that list the keys; empty if all is well.
    """
    present = {key.split('.')[0] for key in state}
    try:
        whole = _build_on_meta(identity, 'norm' in present).state_dict()
    except ValueError as error:  # there is no such model
        return [str(error)]
    left_out = OPTIONAL - present
    expected = {
        key.removeprefix(PREFIX): tuple(value.shape)
        for key, value in whole.items()
        if key.removeprefix(PREFIX).split('.')[0] not in left_out
    }
    missing = [key for key in expected if key not in state]
    found = {
        'missing': [key for key in missing if not key.endswith(COUNTER)],
        'unknown': [key for key in state if key not in expected],
        'wrong shape': [
            f'{key} {tuple(state[key].shape)} instead of {shape}'
            for key, shape in expected.items()
            if key in state and tuple(state[key].shape) != shape
        ],
    }
    return [f'{what} {listed(keys)}' for what, keys in found.items() if keys]


def _build_on_meta(identity: Identity, batch_norm: bool) -> Any:
    """Build the model with all that it may have.

    Raises:
        ValueError: There is no such model.
    """
    light = identity.spec.light
    options: dict[str, Any] = {
        'ndim': identity.ndim,
        'in_channels': identity.in_channels,
    }
    if not light:
        options['split'] = identity.split
        options['temporal_stride_std'] = identity.temporal_stride_std
    model: type[Any] = UniFormerLight if light else UniFormer
    if identity.kind == 'classifier':
        model = UniFormerClassifier
        options['num_classes'] = identity.num_classes or 1
        options['token_labeling'] = identity.token_labeling
    else:
        options['out_norm'] = 'BN' if batch_norm else 'LN'
        options['out_indices'] = (3,) if batch_norm else (0, 1, 2, 3)
        if light:
            options['out_cls_token'] = True
    with torch.device('meta'):
        built = model(identity.spec, **options)
    return deploy(built.eval()) if identity.deployed else built


def _matches(
    identity: Identity, archs: Mapping[str, ArchSpec]
) -> tuple[str, ...]:
    """Return the names of the variants that ``identity`` can be."""
    size = _size(identity.spec)
    near = [name for name, spec in archs.items() if _size(spec) == size]
    gains = tuple(map(bool, identity.spec.layer_scale))
    exact = [
        name
        for name in near
        if identity.deployed
        or tuple(map(bool, archs[name].layer_scale)) == gains
    ]
    return tuple(exact or near)


def _size(spec: ArchSpec) -> tuple[object, ...]:
    """Return what variants that differ in layer scale alone agree in."""
    return spec.light, spec.stem, spec.depths, spec.embed_dims, hidden(spec)
