"""The published UniFormer variants, as data (arXiv 2201.09450)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from uniformer_mm.checks import (
    check_bool,
    check_choice,
    check_count,
    check_ints,
    check_number,
)

__all__ = ['ARCHS', 'ArchSpec', 'is_light', 'resolve_arch']

NUM_STAGES = 4
STEMS = ('patch', 'conv', 'conv_first')
MAX_GAIN = 65504  # of float16


@dataclass(frozen=True)
class ArchSpec:
    """One variant of the backbone.

    Args:
        depths (tuple[int]): Blocks per stage, four of them, each >= 1.
        embed_dims (tuple[int]): Channels per stage.
        head_dim (int): Channels per attention head. It changes no tensor
            shape: weights trained with another value load and are wrong.
        mlp_ratio (float): Hidden width of the MLPs over their input width.
        stem (str): How stages start: 'patch' (non-overlapping patches),
            'conv' (overlapping 3x3 convolutions), or 'conv_first' (the latter
            in stage 1 alone).
        layer_scale (tuple[float]): Initial gain of the residual branches per
            stage, 0 to 65504; 0 means no gain.
        light (bool): Built by ``UniFormerLight``, not by ``UniFormer``.
        params (int | None): Parameters of the 2D model with all four outputs,
            where it is published or pinned by a golden case.

    Raises:
        TypeError: A field is not of the type above.
        ValueError: A field breaks its rule above.
    """

    depths: tuple[int, ...]
    embed_dims: tuple[int, ...]
    head_dim: int = 64
    mlp_ratio: float = 4.0
    stem: str = 'patch'
    layer_scale: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    light: bool = False
    params: int | None = None

    def __post_init__(self) -> None:
        for name in ('depths', 'embed_dims'):
            values = getattr(self, name)
            rule = f'{NUM_STAGES} positive ints, one per stage'
            check_ints(name, values, rule)
            if len(values) != NUM_STAGES or min(values) < 1:
                raise ValueError(f'{name} must be {rule}, got {values!r}')
            # A config file writes lists; a frozen spec holds tuples.
            object.__setattr__(self, name, tuple(values))
        check_count('head_dim', self.head_dim)
        if any(dim % self.head_dim for dim in self.embed_dims[2:]):
            raise ValueError(
                'head_dim must be a divisor of the channels of stages 3 and '
                f'4, {self.embed_dims[2:]}, got {self.head_dim}'
            )
        check_number('mlp_ratio', self.mlp_ratio)
        hidden = [self.mlp_ratio * dim for dim in self.embed_dims]
        if not 1 <= min(hidden) <= max(hidden) < 2**31:
            raise ValueError(
                'mlp_ratio must leave every MLP a hidden channel, and fewer '
                f'than 2**31, got {self.mlp_ratio} for embed_dims '
                f'{self.embed_dims}'
            )
        check_choice('stem', self.stem, STEMS)
        scale = normalize_layer_scale(self.layer_scale)
        object.__setattr__(self, 'layer_scale', scale)
        check_bool('light', self.light)


def normalize_layer_scale(
    layer_scale: float | Sequence[float],
) -> tuple[float, ...]:
    """Return the initial gain per stage; one number is for all stages.

    Raises:
        TypeError: Not a number, nor a sequence of them.
        ValueError: Not one number per stage, a negative one, or one that
            float16 can't hold.
    """
    if not isinstance(layer_scale, (tuple, list)):
        layer_scale = (layer_scale,) * NUM_STAGES  # type: ignore[assignment]
    for gain in layer_scale:  # type: ignore[union-attr]
        check_number('layer_scale', gain)
    gains = tuple(layer_scale)  # type: ignore[arg-type]
    if len(gains) != NUM_STAGES or not all(0 <= g <= MAX_GAIN for g in gains):
        raise ValueError(
            f'layer_scale must be a number from 0 to {MAX_GAIN} or '
            f'{NUM_STAGES} of them, one per stage (0: none), got {gains}'
        )
    return gains


WIDTHS = (64, 128, 320, 512)
_ARCHS = {
    'small': ArchSpec((3, 4, 8, 3), WIDTHS, params=21_033_280),
    'small_plus': ArchSpec(
        (3, 5, 9, 3), WIDTHS, head_dim=32, stem='conv', params=23_520_576
    ),
    'base': ArchSpec((5, 8, 20, 7), WIDTHS, params=49_264_576),
    'base_ls': ArchSpec(
        (5, 8, 20, 7),
        WIDTHS,
        layer_scale=(0.0, 0.0, 1e-6, 1e-6),
        params=49_284_544,
    ),
    'large': ArchSpec(
        (5, 10, 24, 7),
        (128, 192, 448, 640),
        layer_scale=(1e-6,) * 4,
        params=98_823_424,
    ),
    'xxs': ArchSpec(
        (2, 5, 8, 2),
        (56, 112, 224, 448),
        head_dim=28,
        mlp_ratio=3.0,
        stem='conv_first',
        light=True,
        params=9_317_168,
    ),
    'xs': ArchSpec(
        (3, 5, 9, 3),
        (64, 128, 256, 512),
        head_dim=32,
        mlp_ratio=3.0,
        stem='conv_first',
        light=True,
        params=15_483_136,
    ),
}


ARCHS: Mapping[str, ArchSpec] = MappingProxyType(_ARCHS)


def is_light(arch: str | ArchSpec | Mapping[str, Any]) -> bool:
    """Tell whether ``UniFormerLight`` builds what ``arch`` is."""
    if isinstance(arch, str) and arch in ARCHS:
        arch = ARCHS[arch]
    if isinstance(arch, Mapping):
        return bool(arch.get('light'))
    return isinstance(arch, ArchSpec) and arch.light


def resolve_arch(
    arch: str | ArchSpec | Mapping[str, Any],
    *,
    light: bool = False,
    **overrides: Any,
) -> ArchSpec:
    """Return the spec that ``arch`` names, holds or is.

    Args:
        arch: A key of ``ARCHS``, an ``ArchSpec``, or a mapping of its fields
            (as a config file writes it).
        light: Whether the caller builds light models.
        **overrides: Fields with other values; None: as in ``arch``.

    Raises:
        TypeError: ``arch`` is none of these.
        ValueError: Unknown name, unknown or missing field, a spec of the
            other backbone class, or a field that breaks its rule.
    """
    spec = _spec_of(arch, light)
    given = {k: v for k, v in overrides.items() if v is not None}
    # A published count of parameters is of the published variant.
    return replace(spec, params=None, **given) if given else spec


def _spec_of(
    arch: str | ArchSpec | Mapping[str, Any], light: bool
) -> ArchSpec:
    names = sorted(name for name, s in ARCHS.items() if s.light is light)
    owner = 'UniFormerLight' if light else 'UniFormer'
    if isinstance(arch, str):
        if arch not in names:
            other = 'UniFormer' if light else 'UniFormerLight'
            raise ValueError(
                f'unknown arch {arch!r} of {owner}'
                + (f' ({other} has it)' if arch in ARCHS else '')
                + f'; choose one of {names} or pass an ArchSpec'
            )
        return ARCHS[arch]
    if isinstance(arch, Mapping):
        known = [f.name for f in fields(ArchSpec)]
        unknown = sorted(set(arch) - set(known))
        missing = sorted({'depths', 'embed_dims'} - set(arch))
        if unknown or missing:
            raise ValueError(
                f'arch as a mapping takes the keys {known}; unknown '
                f'{unknown}, missing {missing}'
            )
        arch = ArchSpec(**{'light': light, **arch})
    if not isinstance(arch, ArchSpec):
        raise TypeError(
            f'arch must be one of {names}, an ArchSpec or a mapping of its '
            f'fields, got {type(arch).__name__}'
        )
    if arch.light is not light:
        raise ValueError(
            f'{owner} takes an ArchSpec with light={light}, got {arch}'
        )
    return arch
