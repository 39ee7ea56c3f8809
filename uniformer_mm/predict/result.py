"""What a model says of one picture, frame or clip: the same for all tasks."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from uniformer_mm.hosts import import_extra
from uniformer_mm.predict import coco, draw, files
from uniformer_mm.predict.legend import Legend
from uniformer_mm.predict.pictures import Array

__all__ = ['OF_THE_WHOLE', 'TOP', 'Result']

TOP = 5
"""Classes of a clip or of a whole picture that are drawn and written."""

OF_THE_WHOLE = ('action', 'classification')
"""Tasks whose labels are of the whole input, not of objects in it."""


@dataclass(frozen=True, eq=False)
class Result:
    """One result; arrays that its task does not give are None.

    N counts objects, persons, or the classes of the whole, the surest first
    for detection, action and classification; K counts keypoints.

    Attributes:
        task (str): 'detection', 'segmentation', 'pose', 'action' or
            'classification'.
        name (str): Of the input: its path below the inputs' common folder; of
            a frame ``VIDEO/000012``. Results are written under it.
        legend (Legend): Names and colours of classes and keypoints.
        path (str | None): File or address of the input, if it has one.
        frame (int | None): Number in its video, from 0.
        rate (float | None): Results per second of that video.
        image (Array | None): (H, W, 3), uint8, RGB, upright: the input, or
            the middle one of the frames that the model saw of a clip.
        boxes (Array | None): (N, 4), float32, x1, y1, x2, y2 in pixels of
            ``image``. Detection, pose.
        scores (Array | None): (N,), float32, 0-1. Of pose the score of the
            box times the mean of its keypoints. Not of segmentation.
        labels (Array | None): (N,), int64, class ids. Not of segmentation.
        masks (Array | None): (N, H, W), bool. Detection, if the model has
            masks.
        label_map (Array | None): (H, W), int64, the class id of each pixel.
            Segmentation.
        keypoints (Array | None): (N, K, 3), float32, x and y in pixels of
            ``image``, and the score. Pose.
        error (str): Why there is no result; '' if there is one.
    """

    task: str
    name: str
    legend: Legend = field(repr=False)
    path: str | None = None
    frame: int | None = None
    rate: float | None = None
    image: Array | None = field(default=None, repr=False)
    boxes: Array | None = None
    scores: Array | None = None
    labels: Array | None = None
    masks: Array | None = field(default=None, repr=False)
    label_map: Array | None = field(default=None, repr=False)
    keypoints: Array | None = field(default=None, repr=False)
    error: str = ''

    @property
    def names(self) -> tuple[str, ...]:
        """Class id -> name."""
        return self.legend.names

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the N labels, or of the classes in the label map."""
        ids = self.labels
        if self.label_map is not None:
            ids = np.unique(self.label_map)
        return tuple(self.names[i] for i in ids) if ids is not None else ()

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of ``image`` in pixels."""
        if self.image is None:
            return None
        return self.image.shape[0], self.image.shape[1]

    def plot(self) -> Array:
        """Return ``image`` with the result on it, (H, W, 3), uint8, RGB.

        Raises:
            ValueError: There is an error instead of a result.
        """
        image, legend = self._image(), self.legend
        if self.label_map is not None:
            return draw.draw_label_map(image, legend, self.label_map)
        boxes, scores, labels = self._found()
        if self.keypoints is not None:
            return draw.draw_keypoints(image, legend, boxes, self.keypoints)
        if self.task in OF_THE_WHOLE:
            return draw.draw_texts(image, *self.best())
        return draw.draw_objects(
            image, legend, boxes, scores, labels, self.masks
        )

    def best(self) -> tuple[list[str], list[Any]]:
        """Return the best classes of a clip as text, and their colours."""
        _, scores, labels = self._found()
        best = list(zip(labels[:TOP], scores[:TOP], strict=True))
        texts = [f'{self.names[i]} {score:.2f}' for i, score in best]
        return texts, [self.legend.palette[i] for i, _ in best]

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write the annotated picture, the label map, and the rest as json.

        Args:
            folder: They go below ``pictures``, ``label_maps`` and ``results``
                in it, under ``name``.

        Returns:
            list[Path]: The files.

        Raises:
            ValueError: There is an error instead of a result.
        """
        root = Path(folder)
        written = [files.picture_path(root, self.name)]
        files.write_picture(written[0], self.plot())
        if self.label_map is not None:
            written.append(files.label_map_path(root, self.name))
            files.write_label_map(
                written[-1], self.label_map, self.legend.palette
            )
        written.append(files.json_path(root, self.name))
        files.write_text(written[-1], json.dumps(self.to_dict()) + '\n')
        return written

    def to_dict(self) -> dict[str, Any]:
        """Return all but arrays of pixels as what json can hold.

        Masks are COCO's run lengths; of a clip the five best classes are
        there, of a label map the number of pixels of each class.
        """
        told: dict[str, Any] = {'task': self.task, 'name': self.name}
        for key in ('path', 'frame', 'error'):
            if getattr(self, key) not in (None, ''):
                told[key] = getattr(self, key)
        if self.size:
            told['height'], told['width'] = self.size
        if self.label_map is not None:
            ids, counts = np.unique(self.label_map, return_counts=True)
            told['pixels'] = [
                {'label': i, 'class': self.names[i], 'pixels': n}
                for i, n in zip(ids.tolist(), counts.tolist(), strict=True)
            ]
        if self.labels is not None:
            number = len(self.labels)
            number = min(TOP, number) if self.task in OF_THE_WHOLE else number
            told['found'] = [self._object(i) for i in range(number)]
        return told

    def to_coco(
        self, image_id: int = 1, first_id: int = 1
    ) -> list[dict[str, Any]]:
        """Return COCO's annotations, as ``coco.annotations_of`` makes them.

        Args:
            image_id: Of the image.
            first_id: Of the first annotation.

        Raises:
            ValueError: It is of another task than detection and pose, or
                there is an error instead of a result.
        """
        if self.task not in ('detection', 'pose'):
            raise ValueError(
                'COCO has annotations for detection and pose, not for '
                f'{self.task}'
            )
        self._image()
        found = self.to_dict()['found']
        return list(coco.annotations_of(found, image_id, first_id))

    def to_supervision(self) -> Any:
        """Return what the library ``supervision`` makes of it.

        Returns:
            Detections, KeyPoints (pose) or Classifications (action and
            classification); of a label map Detections with a mask per class.

        Raises:
            ImportError: ``supervision`` is not installed.
            ValueError: There is an error instead of a result.
        """
        sv = import_extra('supervision')
        self._image()
        if self.label_map is not None:
            ids = np.unique(self.label_map)
            masks = self.label_map[None] == ids[:, None, None]
            boxes = sv.mask_to_xyxy(masks).astype(np.float32)
            return sv.Detections(boxes, masks, class_id=ids)
        boxes, scores, labels = self._found()
        if self.task in OF_THE_WHOLE:
            return sv.Classifications(labels, scores)
        if self.keypoints is not None:
            return sv.KeyPoints(
                self.keypoints[..., :2], labels, self.keypoints[..., 2]
            )
        data = {'class_name': np.array(self.classes)}
        return sv.Detections(boxes, self.masks, scores, labels, data=data)

    def _object(self, i: int) -> dict[str, Any]:
        boxes, scores, labels = self._found()
        told: dict[str, Any] = {
            'label': int(labels[i]),
            'class': self.names[labels[i]],
            'score': float(scores[i]),
        }
        if self.boxes is not None:
            told['box'] = boxes[i].tolist()
        if self.masks is not None:
            told['mask'] = coco.encode_mask(self.masks[i])
        if self.keypoints is not None:
            told['keypoints'] = self.keypoints[i].tolist()
        return told

    def _image(self) -> Array:
        if self.image is None:
            raise ValueError(f'{self.name} has no result: {self.error}')
        return self.image

    def _found(self) -> tuple[Array, Array, Array]:
        empty = np.zeros(0)
        found = (self.boxes, self.scores, self.labels)
        boxes, scores, labels = (empty if f is None else f for f in found)
        return boxes, scores, labels
