"""Stand-in for ``xtcocotools.coco``, over ``pycocotools.coco``."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

from pycocotools import coco

__all__ = ['COCO']


class COCO(coco.COCO):
    """pycocotools' ``COCO``, with what mmpose expects of xtcocotools'.

    Annotations without ``iscrowd`` count as no crowd, and results may be
    empty.

    Args:
        annotation_file: JSON file of annotations; without it, the set is
            empty.
    """

    def __init__(
        self, annotation_file: str | PathLike[str] | None = None
    ) -> None:
        super().__init__(annotation_file)
        for annotation in self.dataset.get('annotations', ()):
            annotation.setdefault('iscrowd', False)

    def loadRes(self, resFile: Any) -> coco.COCO:
        """Make a set of the same images with results as its annotations.

        Args:
            resFile: JSON file of results, a list of them or, for boxes, an
                array of rows (image id, x, y, width, height, score,
                category).

        Raises:
            AssertionError: The results are no list, or are for other images.
        """
        results = resFile
        if isinstance(resFile, str):
            with open(resFile, encoding='utf-8') as file:
                results = json.load(file)
        if len(results) > 0:
            return super().loadRes(results)
        # pycocotools reads the kind of the results off the first of them.
        empty = COCO()
        empty.dataset = {**self.dataset, 'annotations': []}
        empty.createIndex()
        return empty
