"""What is measured: models, shapes, passes, and named selections of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uniformer_mm.checks import check_choice, check_count

__all__ = ['GPU_DTYPES', 'MODELS', 'PASSES', 'SUITES', 'Case', 'parse_shape']

PASSES = ('forward', 'training')
DTYPES = ('fp32', 'tf32', 'bf16', 'fp16')

# Our models: the class's arguments. ``h14``, ``w14`` as the paper names them.
OURS: Mapping[str, Mapping[str, Any]] = {
    'uniformer-s': {'arch': 'small'},
    'uniformer-s-h14': {'arch': 'small', 'attention': 'hybrid'},
    'uniformer-s-w14': {'arch': 'small', 'attention': 'window'},
    'uniformer-s-plus': {'arch': 'small_plus'},
    'uniformer-b': {'arch': 'base'},
    'uniformer-b-h14': {'arch': 'base', 'attention': 'hybrid'},
    'uniformer-xxs': {'arch': 'xxs'},
    'uniformer-xs': {'arch': 'xs'},
    'uniformer-s-video': {'arch': 'small', 'ndim': 3},
    'uniformer-xxs-video': {'arch': 'xxs', 'ndim': 3},
    'uniformer-xs-video': {'arch': 'xs', 'ndim': 3},
    'uniformer-s-video-split': {'arch': 'small', 'ndim': 3, 'split': True},
}
# Peers: timm's name and arguments. ``vitdet-b`` is SAM's image encoder, a
# ViTDet: windows of 14 tokens and four global blocks, one map of stride 16.
PEERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    'swin-t': ('swin_tiny_patch4_window7_224', {'strict_img_size': False}),
    'swin-s': ('swin_small_patch4_window7_224', {'strict_img_size': False}),
    'convnext-t': ('convnext_tiny', {}),
    'convnext-s': ('convnext_small', {}),
    'nextvit-s': ('nextvit_small', {}),
    'pvt-v2-b2': ('pvt_v2_b2', {}),
    'vitdet-b': ('samvit_base_patch16', {'out_indices': (-1,)}),
}
MODELS = (*OURS, *PEERS)


@dataclass(frozen=True)
class Case:
    """One thing to measure, in all of the modes that are asked for.

    Args:
        model (str): One of ``MODELS``.
        shape (tuple[int]): (H, W) or (T, H, W), pixels and frames.
        batch (int): Images or videos, >= 1.
        direction (str): 'forward' (evaluation, no gradients) or 'training'
            (forward and backward).
        dtype (str): 'fp32'; 'tf32' (fp32 with tensor cores); 'bf16', 'fp16'
            (weights cast, in training autocast).

    Raises:
        ValueError: An argument breaks its rule.
    """

    model: str
    shape: tuple[int, ...]
    batch: int
    direction: str = 'forward'
    dtype: str = 'fp32'

    def __post_init__(self) -> None:
        check_choice('model', self.model, MODELS)
        check_choice('direction', self.direction, PASSES)
        check_choice('dtype', self.dtype, DTYPES)
        check_count('batch', self.batch)
        axes = 3 if '-video' in self.model else 2
        if len(self.shape) != axes or min(self.shape) < 1:
            raise ValueError(
                f'shape must be {axes} positive numbers for {self.model}, got '
                f'{self.shape}'
            )

    @property
    def shape_name(self) -> str:
        """The shape as '800x1344' or '16x224x224'."""
        return 'x'.join(map(str, self.shape))


def parse_shape(text: str) -> tuple[int, ...]:
    """Return the shape that 'HxW' or 'TxHxW' names.

    Raises:
        ValueError: ``text`` is no such thing.
    """
    try:
        return tuple(int(part) for part in text.split('x'))
    except ValueError:
        raise ValueError(
            f"shape must be written as '800x1344' or '16x224x224', got "
            f'{text!r}'
        ) from None


DETECTION, SEGMENTATION = (800, 1344), (512, 512)
PANORAMA, POSE, CLASSES = (512, 2048), (256, 192), (224, 224)
SQUARE = (640, 640)
CLIP, LIGHT_CLIP = (16, 224, 224), (16, 160, 160)
SMALL_PEERS = ('swin-t', 'convnext-t', 'nextvit-s', 'pvt-v2-b2')
# What is known by its accuracy at 224 x 224.
FOR_CLASSES = (
    'uniformer-xxs',
    'uniformer-xs',
    'uniformer-s',
    'uniformer-s-plus',
    'uniformer-b',
    'swin-s',
    'convnext-s',
    *SMALL_PEERS,
)

# The figures that the project holds itself to.
_TARGETS = (
    Case('uniformer-s-h14', DETECTION, 1),
    Case('uniformer-s', DETECTION, 1),
    Case('uniformer-s', POSE, 8),
    Case('uniformer-s', CLASSES, 1),
    Case('uniformer-s-h14', DETECTION, 1, 'training'),
    Case('uniformer-s', POSE, 8, 'training'),
    Case('uniformer-xs', CLASSES, 8),
    Case('uniformer-xxs-video', LIGHT_CLIP, 1),
)
_LIGHT = (
    Case('uniformer-xxs', CLASSES, 1),
    Case('uniformer-xs', CLASSES, 8),
    Case('uniformer-xs', SEGMENTATION, 1),
    Case('uniformer-xxs-video', LIGHT_CLIP, 1),
)
_CPU = (
    *_TARGETS,
    Case('uniformer-s-h14', SEGMENTATION, 1),
    Case('uniformer-s', SEGMENTATION, 1),
    Case('uniformer-s-h14', SEGMENTATION, 2, 'training'),
    Case('uniformer-s-h14', PANORAMA, 1),
    Case('uniformer-s-h14', SQUARE, 1),
    *(Case(model, CLASSES, 1) for model in FOR_CLASSES),
    Case('uniformer-s', CLASSES, 16),
    Case('uniformer-s', CLASSES, 8, 'training'),
    Case('uniformer-s-video', CLIP, 1),
    Case('uniformer-s', CLASSES, 1, 'forward', 'bf16'),
    Case('uniformer-s', CLASSES, 1, 'forward', 'fp16'),
    *(Case(peer, POSE, 8) for peer in SMALL_PEERS),
    *(Case(peer, SEGMENTATION, 1) for peer in SMALL_PEERS),
    *(Case(peer, PANORAMA, 1) for peer in SMALL_PEERS),
    *(Case(peer, DETECTION, 1) for peer in (*SMALL_PEERS, 'vitdet-b')),
)
GPU_DTYPES = ('fp32', 'bf16', 'fp16')
# What the goals for cards are about, and what else is of interest.
_GPU_TARGETS = tuple(
    Case(model, shape, 1, direction, dtype)
    for dtype in GPU_DTYPES
    for model, shape, direction in (
        ('uniformer-s-h14', DETECTION, 'forward'),
        ('uniformer-s-h14', DETECTION, 'training'),
        ('uniformer-s', CLASSES, 'forward'),
        ('uniformer-s', DETECTION, 'forward'),
        ('uniformer-s', SEGMENTATION, 'forward'),
        ('swin-t', DETECTION, 'forward'),
        ('swin-t', SEGMENTATION, 'forward'),
    )
)
_GPU = (
    *_GPU_TARGETS,
    *(
        Case(model, shape, batch, direction, dtype)
        for dtype in ('tf32', 'bf16', 'fp16')
        for model, shape, batch, direction in (
            *(
                (model, shape, batch, direction)
                for direction in PASSES
                for model, shape, batch in (
                    ('uniformer-s-h14', DETECTION, 8),
                    ('uniformer-s', DETECTION, 8),
                    ('uniformer-s', POSE, 64),
                    ('uniformer-s', CLASSES, 64),
                )
            ),
            ('uniformer-b-h14', DETECTION, 1, 'forward'),
            ('uniformer-s-h14', SEGMENTATION, 16, 'training'),
            ('uniformer-s-h14', PANORAMA, 1, 'forward'),
            ('uniformer-xxs', CLASSES, 64, 'forward'),
            ('uniformer-s-video', CLIP, 8, 'forward'),
            ('uniformer-s-video', CLIP, 8, 'training'),
            *((peer, CLASSES, 64, 'forward') for peer in SMALL_PEERS),
            ('vitdet-b', DETECTION, 1, 'forward'),
        )
    ),
)

# How cost grows with pixels and frames, in each mode of attention: the small
# first.
SIDES, FRAMES = (256, 512, 768, 1024, 1536, 2048), (4, 8, 16, 32, 64)
IMAGE_GROWTH = (
    'uniformer-s',
    'uniformer-s-h14',
    'uniformer-s-w14',
    'uniformer-xs',
)
VIDEO_GROWTH = ('uniformer-s-video', 'uniformer-s-video-split')
_GROWTH = (
    *(Case(m, (n, n), 1) for n in SIDES for m in IMAGE_GROWTH),
    *(Case(m, (t, 224, 224), 1) for t in FRAMES for m in VIDEO_GROWTH),
)
_MEMORY = tuple(
    Case(model, shape, batch, 'training')
    for model, shape, batch in (
        ('uniformer-s-h14', DETECTION, 1),
        ('uniformer-s', DETECTION, 1),
        ('uniformer-s', SEGMENTATION, 2),
        ('uniformer-s-video', CLIP, 1),
    )
)

SUITES: Mapping[str, tuple[Case, ...]] = {
    'quick': (
        Case('uniformer-s-h14', CLASSES, 1),
        Case('uniformer-s', POSE, 2, 'training'),
    ),
    'targets': _TARGETS,
    'light': _LIGHT,
    'cpu': tuple(dict.fromkeys(_CPU)),
    'gpu-targets': _GPU_TARGETS,
    'gpu': _GPU,
    'growth': _GROWTH,
    'memory': _MEMORY,
    'full': tuple(dict.fromkeys((*_CPU, *_GPU))),
}
"""Selections of cases by name, the most important first."""
