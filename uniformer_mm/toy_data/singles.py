"""Pictures of the toy data set for classification: one shape each.

A filled shape on BGR noise, about the middle, so that a random crop shows it;
the folder is its class.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from uniformer_mm.toy_data.images import write_image
from uniformer_mm.toy_data.spec import CLASSES, Array, ToyDataSpec, outline

__all__ = ['draw_singles', 'single_files']

# Images and clips have streams of their own.
STREAM = 2


def single_files(split: str, count: int) -> list[str]:
    """Paths, below the root, of what ``draw_singles`` writes."""
    return [
        f'classes/{split}/{CLASSES[i % len(CLASSES)]}/{i:06d}.jpg'
        for i in range(count)
    ]


def draw_singles(root: Path, split: str, spec: ToyDataSpec) -> None:
    """Draw as many pictures as ``split`` has images; classes take turns.

    Raises:
        OSError: They can't be written.
    """
    for name in CLASSES:  # also of a class without a picture
        (root / f'classes/{split}/{name}').mkdir(parents=True, exist_ok=True)
    for i, file in enumerate(single_files(split, spec.images(split))):
        rng = np.random.default_rng((spec.seed, split == 'val', i, STREAM))
        image = _draw_single(rng, spec.size, CLASSES[i % len(CLASSES)])
        write_image(root / file, image)


def _draw_single(rng: np.random.Generator, side: int, shape: str) -> Array:
    """Draw one picture (H, W, 3), uint8 BGR."""
    ground = rng.uniform(40, 215, 3)
    noise = rng.normal(0, 6, (side, side, 3))
    picture = np.clip(ground + noise, 0, 255).astype(np.uint8)
    radius = rng.uniform(0.25, 0.4) * side
    center = rng.uniform(0.44, 0.56, 2) * side
    tilt = rng.uniform(-0.03, 0.03)  # turns
    color = ((ground + rng.uniform(70, 185, 3)) % 256).tolist()
    corners = (center + outline(shape, radius, tilt)).round().astype(np.int32)
    cv2.fillPoly(picture, [corners], color)
    return picture
