"""What exported files are made with, calibrated with and compared on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from uniformer_mm.exporting.graph import EXAMPLE_SIDE
from uniformer_mm.exporting.networks import Network
from uniformer_mm.predict.predictor import Predictor

__all__ = ['example_of', 'noise_like', 'pictures_of']

CALIBRATION = 100  # pictures that int8 takes
BLANK = (480, 640, 3)
FRAMES = 64  # of a blank clip

# Odd sides; below one window of 14 tokens (224 px), across its edge on one
# side, and above it on both.
SIZES = ((97, 131), (64, 257), (241, 305))


def example_of(
    predictor: Predictor,
    network: Network,
    size: Sequence[int] | None,
    *,
    dynamic: bool,
    least: int,
) -> Tensor:
    """Return noise, two as a batch, of the size that a file is made with.

    Args:
        predictor: Its pipeline tells the size.
        network: What is exported.
        size: Height and width in place of that.
        dynamic: Whether the file takes other sizes too.
        least: Height and width from which on it then does.

    Raises:
        ValueError: The network takes one size, and ``size`` is another; or
            the file would not take the size that it is for.
    """
    clip = predictor.task == 'action'
    blank = np.zeros((FRAMES, *BLANK) if clip else BLANK, np.uint8)
    given = next(iter(predictor.network_inputs([blank]))).shape
    axes = list(given[1:])
    if size is not None:
        if not network.dynamic and list(size) != axes[-2:]:
            raise ValueError(
                f'size must be {axes[-2:]}, the one that this model is made '
                f'for, got {list(size)}'
            )
        axes[-2:] = size
    if dynamic and network.dynamic:
        if min(axes[-2:]) < least:
            raise ValueError(
                f'this format takes pictures of {least} x {least} px on, and '
                f'those of this config are {axes[-2]} x {axes[-1]}: set '
                'fixed_size (--fixed-size), or export to another format'
            )
        if size is None:
            axes[-2:] = [max(side, EXAMPLE_SIDE) for side in axes[-2:]]
    generator = torch.Generator().manual_seed(1)
    return torch.randn((2, *axes), generator=generator)


def pictures_of(
    predictor: Predictor, pictures: Any, size: tuple[int, ...] | None
) -> list[Tensor]:
    """Return what the network takes of the user's pictures.

    Args:
        predictor: Its pipeline prepares them.
        pictures: Inputs as ``predict`` takes them, or None.
        size: Height and width to which they are resized, if any.

    Raises:
        ValueError: There are none.
    """
    if pictures is None:
        return []
    inputs = predictor.network_inputs(pictures)
    found = list(islice(inputs, CALIBRATION))
    if not found:
        raise ValueError(f'pictures must be one or more, got {pictures!r}')
    return [
        x if size in (None, tuple(x.shape[-2:])) else F.interpolate(x, size)
        for x in found
    ]


def noise_like(
    example: Tensor, network: Network, *, dynamic: bool
) -> Iterator[Tensor]:
    """Yield noise of several batches and sizes, that of ``example`` first."""
    generator = torch.Generator().manual_seed(0)
    shapes = [[n, *example.shape[1:]] for n in (1, 3)]
    if dynamic and network.dynamic:
        for i, size in enumerate(SIZES):
            shape = [1 + i % 2, *example.shape[1:]]
            for axis, length in zip(network.dynamic, size, strict=True):
                shape[axis] = length
            shapes.append(shape)
    for shape in shapes:
        yield torch.randn(shape, generator=generator)
