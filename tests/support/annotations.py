"""Annotation files that are right, to be made wrong in one place."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

SIDE = 32  # px
BOX = {
    'bbox': [4, 4, 16, 12],
    'area': 192,
    'iscrowd': 0,
    'segmentation': [[4, 4, 20, 4, 20, 16, 4, 16]],
}


def coco(pictures: int = 2, **keypoints: Any) -> dict[str, Any]:
    """A file with an object of 'cat' and one of 'dog' in each picture.

    With ``names``, of keypoints: one category and all of them visible.
    """
    names = keypoints.get('names')
    categories: list[Any] = [
        {'id': 1, 'name': 'cat'},
        {'id': 2, 'name': 'dog'},
    ]
    extra: dict[str, Any] = {}
    if names:
        categories = [{'id': 1, 'name': 'cat', 'keypoints': names}]
        places = [n for i in range(len(names)) for n in (6 + i, 7 + i, 2)]
        extra = {'keypoints': places, 'num_keypoints': len(names)}
    return {
        'images': [
            {'id': i, 'file_name': f'{i}.jpg', 'width': SIDE, 'height': SIDE}
            for i in range(pictures)
        ],
        'annotations': [
            {
                'id': i * len(categories) + category['id'],
                'image_id': i,
                'category_id': category['id'],
                **copy.deepcopy(BOX),
                **extra,
            }
            for i in range(pictures)
            for category in categories
        ],
        'categories': categories,
    }


def write_coco(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    return path
