"""Parts of the body, how similar keypoints are, and how crowded images.

For ``xtcocotools_cocoeval``; arrays of keypoints have three columns: x, y and
visibility (annotated) or score (detected).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    'BODY_IN_BOX',
    'PARTS',
    'Part',
    'images_by_crowding',
    'part_of',
    'similarity',
]

BODY_IN_BOX = 0.53
"""A person's area over that of its box, where no area is annotated."""


@dataclass(frozen=True)
class Part:
    """A part of the body.

    Attributes:
        fields: Those of an annotation that hold its keypoints.
        score: The field of a detection with its score.
    """

    fields: tuple[str, ...] = ('keypoints',)
    score: str = 'score'

    def keypoints(self, annotation: Mapping[str, Any]) -> NDArray[Any]:
        """Return the keypoints of the part, (K, 3)."""
        return np.concatenate(
            [np.reshape(annotation[field], (-1, 3)) for field in self.fields]
        )

    def score_of(self, detection: Mapping[str, Any]) -> Any:
        """Return the score of the part, else that of the detection."""
        return detection[self.score if self.score in detection else 'score']


EXTRAS = ('foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts')
PARTS: Mapping[str, Part] = {
    'keypoints_wholebody': Part(('keypoints', *EXTRAS), 'wholebody_score'),
    'keypoints_foot': Part(('foot_kpts',), 'foot_score'),
    'keypoints_face': Part(('face_kpts',), 'face_score'),
    'keypoints_lefthand': Part(('lefthand_kpts',), 'lefthand_score'),
    'keypoints_righthand': Part(('righthand_kpts',), 'righthand_score'),
}
"""``iouType`` -> what it compares, where that is not the plain body."""


def part_of(kind: str) -> Part:
    """Return the part of the body that the ``iouType`` ``kind`` compares."""
    return PARTS.get(kind, Part())


def similarity(
    found: NDArray[Any], person: Mapping[str, Any], sigmas: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the object keypoint similarity (OKS) of detections to a person.

    Where none of a person's keypoints is annotated, keypoints are as far from
    it as from a box three times as wide and high.

    Args:
        found: Detected places, (D, K, 2).
        person: Annotation with ``keypoints`` (K, 3), ``bbox`` (left, top,
            width, height) and ``area``.
        sigmas: Falloff of each keypoint, (K,).

    Returns:
        NDArray: From 0 to 1, (D,).
    """
    places, counted = person['keypoints'][:, :2], person['keypoints'][:, 2] > 0
    if np.any(counted):
        offset = found - places
    else:
        corner, size = np.reshape(person['bbox'], (2, 2))
        before = np.maximum(0, corner - size - found)
        offset = before + np.maximum(0, found - (corner + size * 2))
        counted = np.ones(len(sigmas), dtype=bool)
    squares = offset[..., 0] ** 2 + offset[..., 1] ** 2
    error = squares / (sigmas * 2) ** 2
    error = error / (person['area'] + np.spacing(1)) / 2
    # Rows without gaps, which numpy adds up as it does single ones.
    similar = np.ascontiguousarray(np.exp(-error[:, counted]))
    return similar.sum(axis=1) / similar.shape[1]


def images_by_crowding(
    images: Iterable[Mapping[str, Any]],
) -> dict[str, list[Any]]:
    """Return ids of images by how crowded they are: CrowdPose's levels."""
    groups: dict[str, list[Any]] = {'easy': [], 'medium': [], 'hard': []}
    for image in images:
        level = np.searchsorted((0.2, 0.8), image['crowdIndex'], side='right')
        list(groups.values())[level].append(image['id'])
    return groups
