"""The published UniFormer variants, as data (arXiv 2201.09450, table 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

__all__ = ['ARCHS', 'ArchSpec', 'resolve_arch']

NUM_STAGES = 4


@dataclass(frozen=True)
class ArchSpec:
    """One variant of the backbone.

    Args:
        depths (tuple[int]): Blocks per stage, four of them, each >= 1.
        embed_dims (tuple[int]): Channels per stage.
        head_dim (int): Channels per attention head. It changes no tensor
            shape: weights trained with another value load and are wrong.
        mlp_ratio (float): Hidden width of the MLPs over their input width.
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
    params: int | None = None

    def __post_init__(self) -> None:
        for name in ('depths', 'embed_dims'):
            values = tuple(getattr(self, name))
            if len(values) != NUM_STAGES or not all(
                type(v) is int and v >= 1 for v in values
            ):
                raise ValueError(
                    f'{name} must be {NUM_STAGES} positive ints, one per '
                    f'stage, got {values}'
                )
            # A config file writes lists; a frozen spec holds tuples.
            object.__setattr__(self, name, values)
        check_head_dim(self.head_dim, self.embed_dims)
        if not self.mlp_ratio > 0:
            raise ValueError(f'mlp_ratio must be > 0, got {self.mlp_ratio}')


def check_head_dim(head_dim: object, embed_dims: tuple[int, ...]) -> None:
    """Raise unless ``head_dim`` splits the channels of stages 3 and 4.

    Raises:
        TypeError: ``head_dim`` is not an int.
        ValueError: It is below 1 or does not divide the channels.
    """
    if type(head_dim) is not int:
        raise TypeError(f'head_dim must be an int, got {head_dim!r}')
    if head_dim < 1 or any(dim % head_dim for dim in embed_dims[2:]):
        raise ValueError(
            'head_dim must be a positive divisor of the channels of stages '
            f'3 and 4, {embed_dims[2:]}, got {head_dim}'
        )


ARCHS: Mapping[str, ArchSpec] = {
    'small': ArchSpec((3, 4, 8, 3), (64, 128, 320, 512), params=21_033_280),
    'base': ArchSpec((5, 8, 20, 7), (64, 128, 320, 512), params=49_264_576),
}


def resolve_arch(arch: str | ArchSpec | Mapping[str, Any]) -> ArchSpec:
    """Return the spec that ``arch`` names, holds or is.

    Args:
        arch: A key of ``ARCHS``, an ``ArchSpec``, or a mapping of its fields
            (as a config file writes it).

    Raises:
        TypeError: ``arch`` is none of these.
        ValueError: Unknown name, unknown or missing field.
    """
    if isinstance(arch, ArchSpec):
        return arch
    if isinstance(arch, str):
        if arch not in ARCHS:
            raise ValueError(
                f'unknown arch {arch!r}; choose one of {sorted(ARCHS)} or '
                'pass an ArchSpec'
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
        return ArchSpec(**arch)
    raise TypeError(
        f'arch must be one of {sorted(ARCHS)}, an ArchSpec or a mapping of '
        f'its fields, got {type(arch).__name__}'
    )
