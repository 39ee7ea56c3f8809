"""Boxes around persons to keypoints, by top-down estimators of mmpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from uniformer_mm.predict.host_model import HostModel, check_reader
from uniformer_mm.predict.items import Item
from uniformer_mm.predict.legend import Legend, as_color, colors
from uniformer_mm.predict.pictures import as_bgr

__all__ = ['Pose']


class Pose:
    """A pose estimator.

    Args:
        host: Its model.
        person: Name of what has the keypoints.

    Raises:
        ValueError: It is no top-down estimator, or its config describes
            another number of keypoints than it gives.
    """

    task = 'pose'
    threshold = 0.3

    def __init__(self, host: HostModel, person: str) -> None:
        from mmpose.models.pose_estimators import TopdownPoseEstimator

        if not isinstance(host.model, TopdownPoseEstimator):
            raise ValueError(
                'pose takes a TopdownPoseEstimator, got '
                f'{type(host.model).__name__}'
            )
        self.host = host
        self.meta = _keypoints_of(host)
        self.legend = _legend_of(self.meta, person)
        number = getattr(host.model.head, 'out_channels', None)
        if number not in (None, len(self.legend.keypoint_names)):
            raise ValueError(
                'metainfo of the config names '
                f'{len(self.legend.keypoint_names)} keypoints, the model '
                f'gives {number}'
            )
        check_reader(host.steps())
        self.pipeline = host.pipeline({})

    def prepare(self, item: Item) -> tuple[Any, list[Any]]:
        """Return the picture, and what the model takes of each person."""
        picture = item.picture
        assert picture is not None
        assert item.boxes is not None
        image = as_bgr(picture)
        samples = []
        for box, score in zip(*item.boxes, strict=True):
            sample = {
                **self.meta,
                'img': image.copy(),
                'bbox': box[None].astype(np.float32),
                'bbox_score': score[None].astype(np.float32),
            }
            samples.append(self.host.transform(self.pipeline, sample))
        return picture, samples

    def read(self, samples: Sequence[Any], threshold: float) -> dict[str, Any]:
        """Return the fields of a ``Result``, of one data sample a person."""
        number = len(samples)
        found = [sample.pred_instances for sample in samples]
        keypoints = [
            np.concatenate([f.keypoints, f.keypoint_scores[..., None]], -1)
            for f in found
        ]
        parts = len(self.legend.keypoint_names)
        points = np.array(keypoints, np.float32).reshape(number, parts, 3)
        boxes = np.array([f.bboxes for f in found], np.float32)
        surely = np.array([f.bbox_scores for f in found], np.float32)
        scores = surely.reshape(number) * points[..., 2].mean(1)
        return {
            'boxes': boxes.reshape(number, 4),
            # A heatmap's peak may lie a little outside.
            'scores': scores.clip(0, 1),
            'labels': np.zeros(number, np.int64),
            'keypoints': points,
        }


def _keypoints_of(host: HostModel) -> dict[str, Any]:
    """Return what mmpose knows of the keypoints of the config's data set."""
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    # As the host's test has it: the config's own, else that of the class.
    _, _, told, of_class = host.metas
    try:
        meta: dict[str, Any] = parse_pose_metainfo(dict(told or of_class))
    except (AssertionError, KeyError) as error:
        raise ValueError(
            'the config must describe the keypoints in '
            f'test_dataloader.dataset.metainfo: {error!r}'
        ) from error
    return meta


def _legend_of(meta: dict[str, Any], person: str) -> Legend:
    skeleton = tuple((int(a), int(b)) for a, b in meta['skeleton_links'])
    return Legend(
        (person,),
        colors(1),
        tuple(meta['keypoint_id2name'].values()),
        tuple(map(as_color, meta['keypoint_colors'])),
        skeleton,
        tuple(map(as_color, meta['skeleton_link_colors'])),
    )
