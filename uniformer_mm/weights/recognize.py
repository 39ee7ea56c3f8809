"""What a state dict holds, told from its keys and shapes.

A few tensors say what the model is; the shapes that this model has are then
compared with all that is there, so that damage is told from variants.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from torch import Tensor

from uniformer_mm.models import ArchSpec
from uniformer_mm.weights.checks import listed
from uniformer_mm.weights.layout import Identity, faults

__all__ = ['Identity', 'describe', 'recognize']

STAGES = range(4)
PREFIX = 'backbone.'
# Kind of model -> how the keys begin that only it has.
HEADS: Mapping[str, re.Pattern[str]] = {
    'classifier': re.compile(
        r'(head|aux_head|head_cls|norm_cls)\.(weight|bias)$'
    ),
    'detector': re.compile(r'(rpn_head|roi_head|bbox_head|mask_head)\.'),
    'segmentor': re.compile(r'(decode_head|auxiliary_head)\.'),
    'pose': re.compile(
        r'(keypoint_head|head\.(deconv_layers|conv_layers|final_layer))\.'
    ),
    'recognizer': re.compile(r'cls_head\.'),
}
SHARED = re.compile(r'(neck|data_preprocessor)\.')
# Last layer of a head -> its outputs that are no class (the background).
CLASS_LAYERS: Mapping[str, int] = {
    'head': 0,
    'cls_head.fc_cls': 0,
    'decode_head.conv_seg': 0,
    'roi_head.bbox_head.fc_cls': 1,
    'roi_head.bbox_head.0.fc_cls': 1,
}
State = Mapping[str, Tensor]


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
    kind, body, heads = _parts(state)
    identity = _structure(kind, body, heads)
    bare = {**body, **heads} if kind == 'classifier' else body
    wrong = faults(bare, identity)
    if wrong:
        raise ValueError(f'damaged UniFormer file: {"; ".join(wrong)}')
    return replace(identity, archs=_matches(identity, archs))


def describe(identity: Identity) -> str:
    """Return one sentence that says what was recognised."""
    subject = f'{"video" if identity.ndim == 3 else "image"} {identity.kind}'
    if identity.num_classes is not None:
        subject += f' of {identity.num_classes} classes'
    scaled = [str(i + 1) for i in STAGES if identity.layer_scale[i]]
    traits = [
        f'depths {"-".join(map(str, identity.depths))}',
        f'widths {"-".join(map(str, identity.embed_dims))}',
        f'mlp_ratio {identity.mlp_ratio:g}',
        f'{identity.stem} stem',
    ]
    options = {
        f'layer scale in stages {" ".join(scaled)}': scaled,
        'split attention': identity.split,
        'patches that overlap in time': identity.temporal_stride_std,
        'token-labelling head': identity.token_labeling,
    }
    traits += [name for name, present in options.items() if present]
    name = 'UniFormerLight' if identity.light else 'UniFormer'
    variants = ' or '.join(identity.archs) or 'of no known variant'
    return (
        f'{subject}: {name} {variants} ({", ".join(traits)}); head_dim cannot '
        'be seen in weights'
    )


def _parts(state: State) -> tuple[str, dict[str, Tensor], dict[str, Tensor]]:
    """Return the kind, the backbone without prefix, and the heads."""
    whole = any(key.startswith(PREFIX) for key in state)
    body: dict[str, Tensor] = {}
    heads: dict[str, Tensor] = {}
    kinds: dict[str, str] = {}
    unknown = []
    for key, value in state.items():
        found = [kind for kind, head in HEADS.items() if head.match(key)]
        if found:
            kinds.setdefault(found[0], key)
            heads[key] = value
        elif key.startswith(PREFIX) or not (whole or SHARED.match(key)):
            body[key.removeprefix(PREFIX)] = value
        elif not SHARED.match(key):
            unknown.append(key)
    modules = [
        f'{m}{i + 1}' for m in ('patch_embed', 'blocks') for i in STAGES
    ]
    present = {key.split('.')[0] for key in body}
    absent = [name for name in modules if name not in present]
    if absent:
        raise ValueError(
            f'not a UniFormer file: it has no {listed(absent)}; {_hint(state)}'
        )
    if unknown:
        raise ValueError(
            f'not a UniFormer file: unknown {listed(unknown)} next to the '
            f'backbone; known are neck and the heads of {list(HEADS)}'
        )
    if len(kinds) > 1:
        raise ValueError(
            'not a UniFormer file: heads of more than one kind of model, '
            f'{listed(list(kinds.values()))}'
        )
    return next(iter(kinds), 'backbone'), body, heads


def _hint(state: State) -> str:
    """Return the likely reason why ``state`` has no backbone."""
    for key in state:
        found = re.match(r'(.+\.)(patch_embed|blocks)[1-4]\.', key)
        if found and found[1] != PREFIX:
            return f'keys begin with {found[1]!r}, which must be stripped'
    return f'its keys are {listed(list(state)) or "none at all"}'


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
    classes = [
        len(value) - others
        for layer, others in CLASS_LAYERS.items()
        for part in ('bias', 'weight')
        if (value := heads.get(f'{layer}.{part}')) is not None and value.ndim
    ]
    return Identity(
        kind=kind,
        ndim=ndim,
        light=light,
        stem=stem,
        layer_scale=tuple(has(b + r'gamma_\d$') for b in block),
        depths=depths,
        embed_dims=dims,
        mlp_ratio=max(
            w / max(d, 1) for w, d in zip(widths, dims, strict=True)
        ),
        split=ndim == 3 and has(r'blocks[34]\.\d+\.t_'),
        temporal_stride_std=(
            ndim == 3
            and stem != 'conv'
            and patches is not None
            and patches.shape[2:3] == (3,)
        ),
        token_labeling=any(key.startswith('aux_head.') for key in heads),
        num_classes=classes[0] if classes else None,
        archs=(),
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


def _matches(
    identity: Identity, archs: Mapping[str, ArchSpec]
) -> tuple[str, ...]:
    """Return the names of the variants that ``identity`` can be."""
    size = _size(identity.spec)
    near = [name for name, spec in archs.items() if _size(spec) == size]
    exact = [
        name
        for name in near
        if tuple(gain > 0 for gain in archs[name].layer_scale)
        == identity.layer_scale
    ]
    return tuple(exact or near)


def _size(spec: ArchSpec) -> tuple[object, ...]:
    """Return what variants that differ in layer scale alone agree in."""
    widths = [int(dim * spec.mlp_ratio) for dim in spec.embed_dims]
    return spec.light, spec.stem, spec.depths, spec.embed_dims, widths
