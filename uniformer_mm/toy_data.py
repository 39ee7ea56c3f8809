"""A small COCO-format data set of drawn shapes, always the same.

    ROOT/annotations/instances_{train,val}.json
    ROOT/{train,val}/000000.jpg ...

Images are BGR noise with one to four filled shapes that do not overlap; boxes
and polygons are those of the drawn outlines, in pixels.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

__all__ = ['CLASSES', 'ToyDataSpec', 'make_toy_data']

Array = np.ndarray[Any, np.dtype[Any]]


# Corners of each outline, and the direction of the first one in turns: a
# circle is drawn as a polygon, a square lies on a side, a triangle points up.
OUTLINES = {'circle': (32, 0.0), 'square': (4, 0.125), 'triangle': (3, 0.75)}
CLASSES = tuple(OUTLINES)


@dataclass(frozen=True)
class ToyDataSpec:
    """What the data set holds.

    Args:
        train (int): Number of training images, >= 1.
        val (int): Number of validation images, >= 1.
        size (int): Side of the square images in pixels, >= 64.
        seed (int): Another seed draws other images; >= 0.

    Raises:
        ValueError: A number is below its minimum.
    """

    train: int = 240
    val: int = 60
    size: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (('train', 1), ('val', 1), ('size', 64)):
            if getattr(self, name) < least:
                raise ValueError(
                    f'{name} must be at least {least}, got '
                    f'{getattr(self, name)}'
                )
        if self.seed < 0:
            raise ValueError(f'seed must not be negative, got {self.seed}')


def make_toy_data(root: Path, spec: ToyDataSpec | None = None) -> bool:
    """Draw the data set into ``root``; keep it if it is there already.

    It is drawn into a temporary folder beside ``root`` and moved there when
    complete, so an interrupted run leaves nothing half-made.

    Returns:
        bool: True if it was drawn, False if the same one was there.

    Raises:
        FileExistsError: ``root`` holds something else.
    """
    spec = spec or ToyDataSpec()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        if _spec_of(root) == asdict(spec):
            return False
        raise FileExistsError(
            f'{root} exists and is not this toy data set ({spec}); name '
            'another folder or remove that one'
        )
    root.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f'.{root.name}-', dir=root.parent))
    try:
        _draw_split(draft, 'train', spec.train, spec)
        _draw_split(draft, 'val', spec.val, spec)
        draft.chmod(0o755)  # mkdtemp's 0o700 would shut other users out
        os.replace(draft, root)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return True


def _spec_of(root: Path) -> Any:
    """The spec that the data set in ``root`` was drawn to, or None."""
    try:
        for split in ('train', 'val'):
            text = (root / f'annotations/instances_{split}.json').read_text()
            data = json.loads(text)
            for image in data['images']:
                if not (root / split / image['file_name']).is_file():
                    return None
        return data['info']['spec']
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _draw_split(root: Path, split: str, count: int, spec: ToyDataSpec) -> None:
    (root / split).mkdir()
    (root / 'annotations').mkdir(exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i in range(count):
        # A stream of its own for each image: `count` does not change it.
        rng = np.random.default_rng((spec.seed, split == 'val', i))
        image, shapes = _draw_image(rng, spec.size)
        name = f'{i:06d}.jpg'
        done, jpeg = cv2.imencode(
            '.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 95]
        )
        assert done, 'a uint8 BGR image can be encoded'
        (root / split / name).write_bytes(jpeg.tobytes())
        images.append(
            {
                'id': i,
                'file_name': name,
                'height': spec.size,
                'width': spec.size,
            }
        )
        for category, outline in shapes:
            low, high = outline.min(0), outline.max(0)
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': i,
                    'category_id': category + 1,
                    'bbox': [*low.tolist(), *(high - low).tolist()],
                    'area': float(cv2.contourArea(outline)),
                    'segmentation': [outline.flatten().tolist()],
                    'iscrowd': 0,
                }
            )
    data = {
        'info': {'description': 'drawn shapes', 'spec': asdict(spec)},
        'images': images,
        'annotations': annotations,
        'categories': [
            {'id': i + 1, 'name': name} for i, name in enumerate(CLASSES)
        ],
    }
    path = root / 'annotations' / f'instances_{split}.json'
    path.write_text(json.dumps(data))


def _draw_image(
    rng: np.random.Generator, size: int
) -> tuple[Array, list[tuple[int, Array]]]:
    """Draw one image.

    Returns:
        tuple: The image (H, W, 3), uint8 BGR, and per shape its class index
        and outline (corners, 2) as x, y in pixels, float32.
    """
    background = rng.uniform(40, 215, 3)
    noise = rng.normal(0, 6, (size, size, 3))
    image = np.clip(background + noise, 0, 255).astype(np.uint8)
    shapes: list[tuple[int, Array]] = []
    taken: list[tuple[Array, float]] = []
    for _ in range(rng.integers(1, 5)):
        radius = rng.uniform(0.14, 0.25) * size
        center = rng.uniform(radius, size - 1 - radius, 2)
        category = int(rng.integers(len(CLASSES)))
        tilt = rng.uniform(-0.03, 0.03)  # turns
        color = (background + rng.uniform(70, 185, 3)) % 256
        if any(
            np.linalg.norm(center - other) < radius + other_radius
            for other, other_radius in taken
        ):
            continue  # a shape in front of another would falsify its mask
        taken.append((center, radius))
        outline = center + _outline(CLASSES[category], radius, tilt)
        outline = outline.round().astype(np.float32)
        cv2.fillPoly(image, [outline.astype(np.int32)], color.tolist())
        shapes.append((category, outline))
    return image, shapes


def _outline(name: str, radius: float, tilt: float) -> Array:
    """Corners (corners, 2) as x, y around the origin."""
    corners, start = OUTLINES[name]
    turns = start + tilt + np.arange(corners) / corners
    angles = 2 * math.pi * turns
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
