"""Stand-in for ``xtcocotools.cocoeval``, over ``pycocotools.cocoeval``."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from io import StringIO
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pycocotools import cocoeval

from uniformer_mm.compat.xtcocotools_keypoints import (
    BODY_IN_BOX,
    images_by_crowding,
    part_of,
    similarity,
)

__all__ = ['COCOeval']

CROWD = 'keypoints_crowd'


class COCOeval(cocoeval.COCOeval):
    """pycocotools' ``COCOeval``, for more kinds of keypoints.

    The figures are those of xtcocotools. What differs from pycocotools:

    * A person is ignored where no keypoint of the part has a visibility above
      0 (``keypoints_crowd``: where ``num_keypoints`` is 0), and a detection
      where no keypoint has a score above 0.
    * Areas can be estimated from boxes.
    * Ids of annotations may be 0.

    Args:
        cocoGt: The annotated set.
        cocoDt: What was detected, from its ``loadRes``.
        iouType: ``'bbox'``, ``'segm'``, ``'keypoints'``,
            ``'keypoints_crowd'``, ``'keypoints_wholebody'`` or a part of it:
            ``'keypoints_body'``, ``_foot``, ``_face``, ``_lefthand``,
            ``_righthand``. Other names with ``keypoints`` in them count as
            ``'keypoints'``.
        sigmas: Falloff of each keypoint, (K,); COCO's 17 by default.
        use_area: Whether annotations have an ``area``. If not, 0.53 of the
            box takes its place.

    Raises:
        ValueError: ``iouType`` is none of those.
    """

    eval: Any
    stats: Any

    def __init__(
        self,
        cocoGt: Any = None,
        cocoDt: Any = None,
        iouType: str = 'keypoints',
        sigmas: ArrayLike | None = None,
        use_area: bool = True,
    ) -> None:
        kind = 'keypoints' if 'keypoints' in str(iouType) else iouType
        if kind not in ('bbox', 'segm', 'keypoints'):
            known = "'bbox', 'segm' or a name with 'keypoints' in it"
            raise ValueError(f'iouType must be {known}, got {iouType!r}')
        super().__init__(cocoGt, cocoDt, kind)
        self.params.iouType = iouType
        if sigmas is None:
            sigmas = cocoeval.Params('keypoints').kpt_oks_sigmas
        self.sigmas = np.asarray(sigmas)
        self.use_area = use_area

    def evaluate(self) -> None:
        """Compare detections and annotations, image by image."""
        p = self.params
        if p.useSegm is not None or 'keypoints' not in p.iouType:
            super().evaluate()
            return
        print(f'Evaluate annotation type *{p.iouType}*')
        p.imgIds = list(np.unique(p.imgIds))
        if p.useCats:
            p.catIds = list(np.unique(p.catIds))
        p.maxDets = sorted(p.maxDets)
        self.eval = {}
        self._prepare()
        categories = p.catIds if p.useCats else [-1]
        self.ious = {
            (image, category): self.computeOks(image, category)
            for image in p.imgIds
            for category in categories
        }
        self.evalImgs = [
            self.evaluateImg(image, category, area, p.maxDets[-1])
            for category in categories
            for area in p.areaRng
            for image in p.imgIds
        ]
        self._paramsEval = deepcopy(p)

    def _prepare(self) -> None:
        """Group copies of annotations and detections by image and category.

        They hold what pycocotools is to see: the score of the part, the area
        to select by, and ids of 1 and more, because it reads 0 as "no match".
        """
        if 'keypoints' in self.params.iouType:
            self._group_keypoints()
        else:
            super()._prepare()
        for group in self._gts.values():
            group[:] = [self._as_seen(gt) for gt in group]
        part = part_of(self.params.iouType)
        if not all(part.score in dt for dt in chain(*self._dts.values())):
            warnings.warn(
                f"detections without {part.score!r} count with their 'score'",
                stacklevel=3,
            )
        for group in self._dts.values():
            group[:] = [
                {**dt, 'id': dt['id'] + 1, 'score': part.score_of(dt)}
                for dt in group
            ]

    def _group_keypoints(self) -> None:
        """Set ``_gts`` and ``_dts``, the field ``keypoints`` as an array."""
        p = self.params
        part = part_of(p.iouType)
        chosen = {'imgIds': p.imgIds, 'catIds': p.catIds if p.useCats else []}
        self._gts, self._dts = defaultdict(list), defaultdict(list)
        for gt in self.cocoGt.loadAnns(self.cocoGt.getAnnIds(**chosen)):
            keypoints = part.keypoints(gt)
            if p.iouType == CROWD:
                # CrowdPose counts those in plain sight alone.
                is_empty = gt['num_keypoints'] == 0
            else:
                is_empty = not np.any(keypoints[:, 2] > 0)
            ignore = is_empty or gt.get('iscrowd', 0)
            person = {**gt, 'keypoints': keypoints, 'ignore': ignore}
            self._gts[gt['image_id'], gt['category_id']].append(person)
        for dt in self.cocoDt.loadAnns(self.cocoDt.getAnnIds(**chosen)):
            keypoints = part.keypoints(dt)
            if np.any(keypoints[:, 2] > 0):
                person = {**dt, 'keypoints': keypoints}
                self._dts[dt['image_id'], dt['category_id']].append(person)

    def _as_seen(self, gt: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of an annotation for pycocotools."""
        seen = {'iscrowd': 0, **gt, 'id': gt['id'] + 1}
        seen['has_area'] = 'area' in gt
        if not (self.use_area and seen['has_area']):
            seen['area'] = gt['bbox'][2] * gt['bbox'][3] * BODY_IN_BOX
        return seen

    def computeOks(self, imgId: Any, catId: Any) -> Any:
        """Return similarities, detections (highest score first) x persons.

        Raises:
            KeyError: An annotation has no ``area``, and ``use_area`` is True.
            ValueError: There are more or fewer keypoints than ``sigmas``.
        """
        gts, dts = self._gts[imgId, catId], self._dts[imgId, catId]
        if not gts or not dts:
            return []
        for gt in gts:
            if self.use_area and not gt['has_area']:
                raise KeyError(
                    f"annotation {gt['id'] - 1} has no 'area': pass "
                    'use_area=False'
                )
        order = np.argsort([-dt['score'] for dt in dts], kind='mergesort')
        order = order[: self.params.maxDets[-1]]
        found = np.stack([dts[i]['keypoints'][:, :2] for i in order])
        if found.shape[1] != len(self.sigmas):
            raise ValueError(
                f'sigmas must have a value for each of the {found.shape[1]} '
                f'keypoints ({self.params.iouType}), got {len(self.sigmas)}'
            )
        columns = [similarity(found, gt, self.sigmas) for gt in gts]
        return np.stack(columns, axis=1)

    def evaluateImg(
        self, imgId: Any, catId: Any, aRng: Sequence[float], maxDet: int
    ) -> Any:
        """Match the detections and persons of an image; -1 is "no match"."""
        result = super().evaluateImg(imgId, catId, aRng, maxDet)
        if result is not None:
            for key in ('dtIds', 'gtIds'):
                result[key] = [number - 1 for number in result[key]]
            for key in ('dtMatches', 'gtMatches'):
                result[key] = result[key].astype(np.int64) - 1
        return result

    def accumulate(self, p: Any = None) -> None:
        """Compute precision and recall, and keep them in ``eval``.

        Args:
            p: Parameters to take instead of ``params``.
        """
        results = self.evalImgs
        # Here, too, pycocotools reads 0 as "no match".
        self.evalImgs = [
            result and {**result, 'dtMatches': result['dtMatches'] >= 0}
            for result in results
        ]
        super().accumulate(p)
        self.evalImgs = results

    def summarize(self) -> None:
        """Print the figures, and keep them in ``stats``.

        There are 12 for ``'bbox'`` and ``'segm'``; 10 for keypoints: AP, AP
        at 0.5 and 0.75, of medium and of large persons, and AR likewise; 9
        for ``'keypoints_crowd'``: AP and AR with theirs at 0.5 and 0.75, and
        AP of easy, medium and hard images.
        """
        kind = self.params.iouType
        if 'keypoints' in kind:
            self.params.iouType = 'keypoints'  # the one that pycocotools knows
        try:
            super().summarize()
        finally:
            self.params.iouType = kind
        if kind == CROWD:
            overall = self.stats[[0, 1, 2, 5, 6, 7]]
            self.stats = np.concatenate([overall, self._crowd_levels()])

    def _crowd_levels(self) -> list[float]:
        """Return AP of easy, medium and hard images, to 4 digits."""
        figures = []
        groups = images_by_crowding(self.cocoGt.dataset['images'])
        for name, images in groups.items():
            part = COCOeval(
                self.cocoGt, self.cocoDt, CROWD, self.sigmas, self.use_area
            )
            part.params = deepcopy(self.params)
            part.params.imgIds = images
            with redirect_stdout(StringIO()):
                part.evaluate()
                part.accumulate()
            precision = part.eval['precision'][:, :, :, 0, :]
            figures.append(round(float(np.mean(precision)), 4))
            print(f' Average Precision (AP), {name}: {figures[-1]:0.3f}')
        return figures
