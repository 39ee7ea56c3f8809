"""The pictures that are learnt: BCCD, blood cells under a microscope.

364 real pictures of 640x480 pixels and 4,888 boxes in Pascal VOC's format,
with its own split into train (205), val (87) and test (72); MIT,
https://github.com/Shenggan/BCCD_Dataset, folder BCCD.
"""

from __future__ import annotations

import json
from pathlib import Path

from uniformer_mm.own_data.objects import coco_of
from uniformer_mm.own_data.voc import find_voc, read_voc

__all__ = ['CLASSES', 'SPLITS', 'write_splits']

CLASSES = ('Platelets', 'RBC', 'WBC')
SPLITS = ('train', 'val', 'test')


def write_splits(root: Path, folder: Path) -> None:
    """Write train.json, val.json and test.json, as COCO has them.

    Args:
        root: The data.
        folder: Where to; it exists.

    Raises:
        FileNotFoundError: There is no such data.
        ValueError: The data have other splits or classes; or a file of them
            is broken, and which.
    """
    if not root.is_dir():
        raise FileNotFoundError(
            f'no folder {root}; it must be the folder BCCD of '
            'https://github.com/Shenggan/BCCD_Dataset'
        )
    contents = read_voc(root, find_voc(root))
    for what, got, expected in (
        ('classes', contents.classes, CLASSES),
        ('splits', contents.splits, SPLITS),
    ):
        if set(got) != set(expected):
            raise ValueError(
                f'{root} must have the {what} {list(expected)}, got '
                f'{sorted(got)}'
            )
    for split, pictures in contents.splits.items():
        told, _ = coco_of(pictures, contents)
        text = json.dumps(told)
        (folder / f'{split}.json').write_text(text, encoding='utf-8')
