"""What a state dict is of: the fields that ``recognize`` tells of it."""

from __future__ import annotations

from dataclasses import dataclass

from uniformer_mm.models import ArchSpec
from uniformer_mm.weights.kinds import STAGES

__all__ = ['Identity', 'describe', 'hidden']


@dataclass(frozen=True)
class Identity:
    """What a state dict is.

    Attributes:
        kind (str): 'backbone' (bare stages, with or without output norms),
            'classifier', 'detector', 'segmentor', 'pose', or 'recognizer' and
            'image classifier' (classifiers as mmaction2 and mmpretrain lay
            them out).
        spec (ArchSpec): The variant, as far as keys and shapes show it:
            ``head_dim`` is 1, as no key or shape depends on it, a gain is 1
            or 0, and ``mlp_ratio`` is the smallest that gives the widths.
        ndim (int): 2 for images, 3 for videos.
        in_channels (int): Channels of the input.
        split (bool): Has attention over time apart from that over space.
        temporal_stride_std (bool): Patches of stages 2-4 overlap in time.
        token_labeling (bool): Has the auxiliary head on every token.
        num_classes (int | None): Classes of the head, where it has classes.
        deployed (bool): Of a deployed backbone. Its gains are in its kernels.
        archs (tuple[str]): Names of the variants it can be. If none agrees in
            all, those that differ in layer scale alone: that is a setting.
    """

    kind: str
    spec: ArchSpec
    ndim: int = 2
    in_channels: int = 3
    split: bool = False
    temporal_stride_std: bool = False
    token_labeling: bool = False
    num_classes: int | None = None
    deployed: bool = False
    archs: tuple[str, ...] = ()


def describe(identity: Identity) -> str:
    """Return one sentence that says what was recognised."""
    spec = identity.spec
    subject = f'{"video" if identity.ndim == 3 else "image"} {identity.kind}'
    if identity.num_classes is not None:
        subject += f' of {identity.num_classes} classes'
    scaled = [str(i + 1) for i in STAGES if spec.layer_scale[i]]
    traits = [
        f'depths {"-".join(map(str, spec.depths))}',
        f'widths {"-".join(map(str, spec.embed_dims))}',
        f'mlp_ratio {spec.mlp_ratio:g}',
        f'{spec.stem} stem',
    ]
    options = {
        f'layer scale in stages {" ".join(scaled)}': scaled,
        'split attention': identity.split,
        'patches that overlap in time': identity.temporal_stride_std,
        'token-labelling head': identity.token_labeling,
        f'{identity.in_channels} input channels': identity.in_channels != 3,
        'deployed': identity.deployed,
    }
    traits += [name for name, present in options.items() if present]
    name = 'UniFormerLight' if spec.light else 'UniFormer'
    variants = ' or '.join(identity.archs) or 'of no known variant'
    return f'{subject}: {name} {variants} ({", ".join(traits)})'


def hidden(spec: ArchSpec) -> tuple[int, ...]:
    """Return the hidden width of the MLPs of each stage."""
    return tuple(int(dim * spec.mlp_ratio) for dim in spec.embed_dims)
