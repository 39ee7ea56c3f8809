"""Results as COCO writes them: what pycocotools reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from uniformer_mm.predict.legend import Legend
from uniformer_mm.predict.pictures import Array

__all__ = ['annotations_of', 'categories_of', 'encode_mask']


def annotations_of(
    found: Sequence[dict[str, Any]], image_id: int, first_id: int
) -> Iterator[dict[str, Any]]:
    """Yield an annotation per object.

    Category ids are class ids + 1, since COCO counts from 1. The third number
    of a keypoint is its score, as in COCO's files of results.

    Args:
        found: Objects as ``Result.to_dict`` tells them: label, score, box, and
            mask or keypoints.
        image_id: Of the image.
        first_id: Of the first annotation, from 1; the others follow.
    """
    for i, told in enumerate(found):
        x1, y1, x2, y2 = told['box']
        annotation = {
            'id': first_id + i,
            'image_id': image_id,
            'category_id': told['label'] + 1,
            'bbox': [x1, y1, x2 - x1, y2 - y1],
            'area': (x2 - x1) * (y2 - y1),
            'iscrowd': 0,
            'score': told['score'],
        }
        if 'mask' in told:
            annotation['segmentation'] = told['mask']
            annotation['area'] = _area(told['mask'])
        if 'keypoints' in told:
            points = told['keypoints']
            annotation['keypoints'] = [v for point in points for v in point]
            annotation['num_keypoints'] = len(points)
        yield annotation


def categories_of(legend: Legend) -> list[dict[str, Any]]:
    """Return COCO's list of categories, with keypoints if there are any."""
    more: dict[str, Any] = {}
    if legend.keypoint_names:
        # COCO counts keypoints from 1.
        skeleton = [[a + 1, b + 1] for a, b in legend.skeleton]
        more = {'keypoints': legend.keypoint_names, 'skeleton': skeleton}
    return [
        {'id': i + 1, 'name': name, **more}
        for i, name in enumerate(legend.names)
    ]


def encode_mask(mask: Array) -> dict[str, Any]:
    """Return the run lengths of a mask (H, W), bool, as text."""
    from pycocotools import mask as masks

    code: dict[str, Any] = masks.encode(np.asfortranarray(mask, np.uint8))
    return {'size': list(code['size']), 'counts': code['counts'].decode()}


def _area(code: dict[str, Any]) -> int:
    from pycocotools import mask as masks

    return int(masks.area(code))
