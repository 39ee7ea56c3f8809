"""Images of the toy data set: boxes, masks and keypoints."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from uniformer_mm.toy_data import (
    CLASSES,
    KEYPOINTS,
    ToyDataSpec,
    make_toy_data,
)

SPEC = ToyDataSpec(train=6, val=3, size=96, train_clips=2, val_clips=1)


@pytest.mark.parametrize('split', ['train', 'val'])
def test_annotations_fit_the_pictures(toy: Path, split: str) -> None:
    coco = COCO(str(toy / 'annotations' / f'instances_{split}.json'))
    names = [c['name'] for c in coco.loadCats(coco.getCatIds())]
    assert tuple(names) == CLASSES
    assert {a['category_id'] for a in coco.anns.values()} == {1, 2, 3}
    for image in coco.imgs.values():
        path = toy / split / image['file_name']
        pixels = cv2.imread(str(path)).astype(float)
        assert pixels.shape == (image['height'], image['width'], 3)
        annotations = coco.loadAnns(coco.getAnnIds(image['id']))
        assert 1 <= len(annotations) <= 4
        masks = [coco.annToMask(a).astype(bool) for a in annotations]
        assert np.sum(masks, axis=0).max() == 1  # nothing overlaps
        ground = pixels[~np.any(masks, axis=0)].mean(0)
        for annotation, mask in zip(annotations, masks, strict=True):
            ys, xs = np.nonzero(mask)
            x, y, w, h = annotation['bbox']
            box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            assert np.abs(np.subtract(box, (x, y, x + w, y + h))).max() <= 1
            assert annotation['area'] == pytest.approx(mask.sum(), rel=0.1)
            # The shape is where the mask says: another colour than around.
            color = pixels[mask].mean(0)
            assert np.abs(color - ground).max() > 30


@pytest.mark.parametrize('split', ['train', 'val'])
def test_masks_hold_the_class_of_every_pixel(toy: Path, split: str) -> None:
    coco = COCO(str(toy / 'annotations' / f'instances_{split}.json'))
    seen = set()
    for image in coco.imgs.values():
        name = image['file_name'].replace('.jpg', '.png')
        path = str(toy / 'masks' / split / name)
        mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        assert (mask.dtype, mask.shape) == (np.uint8, (128, 128))
        expected = np.zeros((128, 128), int)
        for annotation in coco.loadAnns(coco.getAnnIds(image['id'])):
            expected[coco.annToMask(annotation) > 0] = annotation[
                'category_id'
            ]
        # Rasterising a polygon is not exact: edges may differ, no class may.
        differs = mask != expected
        assert differs.mean() < 0.02
        assert (expected[differs] * mask[differs] == 0).all()
        seen |= set(np.unique(mask).tolist())
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize('split', ['train', 'val'])
def test_keypoints_are_those_of_the_triangles(toy: Path, split: str) -> None:
    folder = toy / 'annotations'
    points = COCO(str(folder / f'keypoints_{split}.json'))
    (category,) = points.loadCats(points.getCatIds())
    assert category['name'] == 'triangle'
    assert tuple(category['keypoints']) == KEYPOINTS
    used = {i for bone in category['skeleton'] for i in bone}
    assert used == {1, 2, 3, 4}
    instances = COCO(str(folder / f'instances_{split}.json'))
    assert points.imgs == instances.imgs
    triangles = [a for a in instances.anns.values() if a['category_id'] == 3]
    assert triangles
    shared = ('image_id', 'bbox', 'area', 'segmentation', 'iscrowd')
    for ours, theirs in zip(points.anns.values(), triangles, strict=True):
        assert {k: ours[k] for k in shared} == {k: theirs[k] for k in shared}
        assert ours['num_keypoints'] == 4
        named = np.reshape(ours['keypoints'], (4, 3))
        assert (named[:, 2] == 2).all()
        apex, left, right, center = named[:, :2]
        corners = np.reshape(ours['segmentation'][0], (3, 2))
        assert sorted(map(tuple, corners)) == sorted(
            map(tuple, (apex, left, right))
        )
        assert left[0] < center[0] < right[0]
        assert apex[1] < center[1] < min(left[1], right[1])
        np.testing.assert_allclose(center, corners.mean(0))


def test_a_split_without_a_triangle(tmp_path: Path) -> None:
    spec = ToyDataSpec(train=1, val=1, train_clips=0, val_clips=0)
    make_toy_data(tmp_path / 'toy', spec)
    text = (tmp_path / 'toy/annotations/keypoints_train.json').read_text()
    data = json.loads(text)
    assert (len(data['images']), data['annotations']) == (1, [])


def test_the_shapes_are_pinned(tmp_path: Path) -> None:
    """The drawing of JPEG files may differ by library, the shapes may not."""
    make_toy_data(tmp_path / 'toy', SPEC)
    text = (tmp_path / 'toy/annotations/instances_val.json').read_bytes()
    assert hashlib.sha256(text).hexdigest().startswith('739acfa5f73d2862')
