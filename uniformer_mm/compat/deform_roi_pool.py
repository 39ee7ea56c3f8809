"""``deform_roi_pool_forward`` and ``..._backward`` of ``mmcv._ext``.

Sources: Dai et al., "Deformable Convolutional Networks",
https://arxiv.org/abs/1703.06211, equations 5 and 6, with the samples of
RoIAlign; the calls in ``mmcv/ops/deform_roi_pool.py`` (mmcv 2.1.0,
Apache-2.0). Each RoI is cut into bins, each bin is moved by ``gamma`` times
its offset times the size of the RoI, and samples in it are averaged. mmcv's
modulated pooling multiplies the result in Python.

``rois`` are ``(R, 5)``: image index, x1, y1, x2, y2 in pixels of the image;
``spatial_scale`` is feature size / image size. Types below float32 are
computed in float32 and rounded once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from uniformer_mm.compat.recompute import recomputed_gradients
from uniformer_mm.compat.sampling import sample_maps
from uniformer_mm.compat.torchvision_ops import to_kernel_dtype


class Samples(NamedTuple):
    """Where r RoIs of one image look before their bins are moved."""

    which: Tensor
    """``(r,)`` int64 indices of the RoIs."""
    image: int
    y: Tensor
    """``(r, pooled_height, samples)``, in cells."""
    x: Tensor
    """``(r, pooled_width, samples)``, in cells."""
    reach: Tensor
    """``(r, 2, 1, 1)`` factors of the offsets along x and y, in cells."""


def deform_roi_pool_forward(
    features: Tensor,
    rois: Tensor,
    offset: Tensor,
    output: Tensor,
    *,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    gamma: float,
) -> None:
    """Overwrite ``output (R, C, pooled_height, pooled_width)``.

    Args:
        features: ``(N, C, H, W)``, any floating type.
        rois: ``(R, 5)``.
        offset: ``(R, 2, pooled_height, pooled_width)``, along x and y; an
            empty tensor means none.
        output: the result, of the type of ``features``.
        pooled_height: number of bins along H.
        pooled_width: number of bins along W.
        spatial_scale: feature size / image size.
        sampling_ratio: samples per bin and axis; <= 0: as many as the bin has
            feature cells, none in an RoI of no size, which gives 0.
        gamma: factor of the offsets.
    """
    maps = to_kernel_dtype(features)
    bins = (pooled_height, pooled_width)
    boxes, image = rois[:, 1:].to(maps) * spatial_scale - 0.5, rois[:, 0]
    shift = _shift(offset, maps, len(rois), bins)
    output.zero_()
    for samples in _samples(boxes, image, bins, sampling_ratio, gamma):
        part = maps[samples.image : samples.image + 1]
        pooled = _pool(part, shift[samples.which], samples)
        output[samples.which] = pooled.to(output)


def deform_roi_pool_backward(
    grad_output: Tensor,
    features: Tensor,
    rois: Tensor,
    offset: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    *,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    gamma: float,
) -> None:
    """Overwrite ``grad_input`` and, unless it is empty, ``grad_offset``.

    The arguments are those of :func:`deform_roi_pool_forward`. On CUDA the
    sums run in no fixed order.
    """
    maps = to_kernel_dtype(features)
    bins = (pooled_height, pooled_width)
    boxes, image = rois[:, 1:].to(maps) * spatial_scale - 0.5, rois[:, 0]
    shift = _shift(offset, maps, len(rois), bins)
    grad_maps, grad_shift = torch.zeros_like(maps), torch.zeros_like(shift)
    for samples in _samples(boxes, image, bins, sampling_ratio, gamma):
        part = slice(samples.image, samples.image + 1)
        grads = recomputed_gradients(
            lambda maps, shift, samples=samples: _pool(maps, shift, samples),
            (maps[part], shift[samples.which]),
            grad_output[samples.which],
        )
        grad_maps[part] += grads[0]
        grad_shift[samples.which] = grads[1]
    grad_input.copy_(grad_maps)
    if grad_offset.numel() > 0:
        grad_offset.copy_(grad_shift)


def _shift(
    offset: Tensor, maps: Tensor, num_rois: int, bins: tuple[int, int]
) -> Tensor:
    """Return the offsets, or zeros, as ``(R, 2, *bins)`` for ``maps``."""
    if offset.numel() == 0:
        return maps.new_zeros(num_rois, 2, *bins)
    return offset.to(maps).reshape(num_rois, 2, *bins)


def _samples(
    boxes: Tensor,
    image: Tensor,
    bins: tuple[int, int],
    sampling_ratio: int,
    gamma: float,
) -> Iterator[Samples]:
    """Yield the RoIs, those of one image and number of samples together.

    ``boxes`` are ``(R, 4)`` in cells, ``image`` is ``(R,)``.
    """
    corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    bin_size = size / size.new_tensor([bins[1], bins[0]])
    if sampling_ratio > 0:
        counts = torch.full_like(size, sampling_ratio)
    else:
        counts = bin_size.ceil()
    # (R, 3): image, samples along x and y
    kinds = torch.cat([image[:, None].to(counts), counts], 1).long()
    places = defaultdict(list)
    for place, kind in enumerate(kinds.tolist()):
        places[tuple(kind)].append(place)
    for (index, nx, ny), members in places.items():
        if nx <= 0 or ny <= 0:
            continue
        which = torch.tensor(members, device=boxes.device)
        yield Samples(
            which,
            index,
            _places(corner[which, 1], bin_size[which, 1], bins[0], ny),
            _places(corner[which, 0], bin_size[which, 0], bins[1], nx),
            gamma * size[which, :, None, None],
        )


def _places(
    start: Tensor, bin_size: Tensor, num_bins: int, num_samples: int
) -> Tensor:
    """Return ``(r, num_bins, num_samples)`` positions along one axis."""
    first = torch.arange(num_bins).to(start)[:, None]
    inner = (torch.arange(num_samples).to(start) + 0.5) / num_samples
    return start[:, None, None] + (first + inner) * bin_size[:, None, None]


def _pool(maps: Tensor, shift: Tensor, samples: Samples) -> Tensor:
    """Return ``(r, C, *bins)`` from ``maps (1, C, H, W)``."""
    # (r, 2, h, w) -> (2, r, h, w, 1, 1)
    move = (shift * samples.reach).transpose(0, 1)[..., None, None]
    y = samples.y[:, :, None, :, None] + move[1]
    x = samples.x[:, None, :, None, :] + move[0]
    # (r, h, w, samples along y, samples along x)
    shape = (*y.shape[:4], x.shape[4])
    y, x = y.expand(shape), x.expand(shape)
    values = sample_maps(maps, y.reshape(1, -1), x.reshape(1, -1))
    # (1, C, P) -> (C, r, h, w, ny * nx) -> (r, C, h, w)
    values = values.reshape(maps.shape[1], *shape[:3], -1).mean(-1)
    return values.transpose(0, 1)
