"""Images of the toy data set, and what is where in them.

Images are BGR noise with one to four filled shapes that do not overlap; boxes
and polygons are those of the drawn outlines, in pixels. A mask holds 0 for the
background and 1 + label for the shapes. Keypoints are those of the triangles
alone, all of them visible; an image without one has none.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from uniformer_mm.toy_data.spec import (
    CLASSES,
    KEYPOINTS,
    Array,
    ToyDataSpec,
    outline,
)

__all__ = ['draw_images', 'image_files', 'write_image']

# COCO counts the keypoints of a skeleton from 1.
SKELETON = [[1, 2], [2, 3], [3, 1], [1, 4]]


def image_files(split: str, count: int) -> list[str]:
    """Paths, below the root, of what ``draw_images`` writes."""
    return [
        f'annotations/instances_{split}.json',
        f'annotations/keypoints_{split}.json',
        *(f'{split}/{i:06d}.jpg' for i in range(count)),
        *(f'masks/{split}/{i:06d}.png' for i in range(count)),
    ]


def draw_images(root: Path, split: str, spec: ToyDataSpec) -> None:
    """Draw the images of ``split`` with their masks and annotations.

    Raises:
        OSError: They can't be written.
    """
    for folder in (split, f'masks/{split}', 'annotations'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    instances: list[dict[str, Any]] = []
    triangles: list[dict[str, Any]] = []
    for i in range(spec.images(split)):
        # A stream of its own for each image: the count does not change it.
        rng = np.random.default_rng((spec.seed, split == 'val', i))
        image, mask, shapes = _draw_image(rng, spec.size)
        name = f'{i:06d}.jpg'
        write_image(root / split / name, image)
        write_image(root / f'masks/{split}/{i:06d}.png', mask)
        images.append(
            {
                'id': i,
                'file_name': name,
                'height': spec.size,
                'width': spec.size,
            }
        )
        for category, corners in shapes:
            instances.append(
                {
                    'id': len(instances) + 1,
                    'image_id': i,
                    'category_id': category + 1,
                    **_extent(corners),
                }
            )
            if CLASSES[category] == 'triangle':
                triangles.append(
                    {
                        'id': len(triangles) + 1,
                        'image_id': i,
                        'category_id': 1,
                        **_extent(corners),
                        **_keypoints(corners),
                    }
                )
    # The number of clips is left out: it changes nothing in the images.
    settings = {k: getattr(spec, k) for k in ('train', 'val', 'size', 'seed')}
    files = {
        'instances': {
            'info': {'description': 'drawn shapes', 'spec': settings},
            'images': images,
            'annotations': instances,
            'categories': [
                {'id': i + 1, 'name': name} for i, name in enumerate(CLASSES)
            ],
        },
        'keypoints': {
            'info': {'description': 'drawn triangles', 'spec': asdict(spec)},
            'images': images,
            'annotations': triangles,
            'categories': [
                {
                    'id': 1,
                    'name': 'triangle',
                    'keypoints': list(KEYPOINTS),
                    'skeleton': SKELETON,
                }
            ],
        },
    }
    for kind, data in files.items():
        path = root / 'annotations' / f'{kind}_{split}.json'
        path.write_text(json.dumps(data), encoding='utf-8')


def write_image(path: Path, image: Array) -> None:
    """Write an image, as the ending of ``path`` says.

    Raises:
        OSError: It can't be written.
    """
    settings = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == '.jpg' else []
    done, data = cv2.imencode(path.suffix, image, settings)
    assert done, 'a uint8 image can be encoded'
    path.write_bytes(data.tobytes())


def _extent(corners: Array) -> dict[str, Any]:
    low, high = corners.min(0), corners.max(0)
    return {
        'bbox': [*low.tolist(), *(high - low).tolist()],
        'area': float(cv2.contourArea(corners)),
        'segmentation': [corners.flatten().tolist()],
        'iscrowd': 0,
    }


def _keypoints(corners: Array) -> dict[str, Any]:
    apex, right, left = corners
    points = np.stack([apex, left, right, corners.mean(0)]).tolist()
    return {
        'keypoints': [n for x, y in points for n in (x, y, 2)],  # 2: visible
        'num_keypoints': len(KEYPOINTS),
    }


def _draw_image(
    rng: np.random.Generator, size: int
) -> tuple[Array, Array, list[tuple[int, Array]]]:
    """Draw one image.

    Returns:
        tuple: The image (H, W, 3), uint8 BGR; its mask (H, W), uint8; and per
        shape its class index and outline (corners, 2) as x, y in pixels,
        float32.
    """
    background = rng.uniform(40, 215, 3)
    noise = rng.normal(0, 6, (size, size, 3))
    image = np.clip(background + noise, 0, 255).astype(np.uint8)
    mask = np.zeros((size, size), np.uint8)
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
        corners = center + outline(CLASSES[category], radius, tilt)
        corners = corners.round().astype(np.float32)
        polygon = corners.astype(np.int32)
        cv2.fillPoly(image, [polygon], color.tolist())
        cv2.fillPoly(mask, [polygon], [category + 1])
        shapes.append((category, corners))
    return image, mask, shapes
