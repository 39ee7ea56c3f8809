"""What a page does, without the page: a file in, pictures and tables out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from uniformer_mm.predict.draw import draw_texts
from uniformer_mm.predict.items import Item
from uniformer_mm.predict.pictures import Array, decode_picture
from uniformer_mm.predict.predictor import Predictor
from uniformer_mm.predict.result import OF_THE_WHOLE, Result
from uniformer_mm.serve.limits import Limits, check_upload
from uniformer_mm.view import Seen, Viewer, sheet_of
from uniformer_mm.view.seen import Box

__all__ = ['COLUMNS', 'Demo', 'smallest_around']

COLUMNS = {
    'detection': ('class', 'score', 'box'),
    'segmentation': ('class', 'share'),
    'pose': ('keypoints seen', 'score', 'box'),
    'action': ('class', 'score'),
    'classification': ('class', 'score'),
}
"""Task -> columns of its table."""

SEEN = 0.3  # score above which a keypoint counts
LEAST_SIDE = 256  # pixels of a frame, to be clicked on


@dataclass(frozen=True)
class Demo:
    """One model on a page.

    Attributes:
        predictor (Predictor): The model.
        card (str): What it is, in Markdown.
        limits (Limits): What it takes.
        examples (Sequence[Path]): Files to try it on.
        notice (str): What people must know before they try it; '' for none.
        finds_persons (bool): Of pose: a detector finds them; False takes
            whole pictures.
    """

    predictor: Predictor
    card: str = ''
    limits: Limits = field(default_factory=Limits)
    examples: Sequence[Path] = ()
    notice: str = ''
    finds_persons: bool = False

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.predictor.task

    def answer(
        self, path: str, threshold: float
    ) -> tuple[Array, list[list[str]]]:
        """Run the model on a file.

        Args:
            path: A picture; a video for action.
            threshold: Least score of what is shown, 0-1; detection and pose.

        Returns:
            tuple: The picture with the answer on it, (H, W, 3), uint8, RGB,
            of a clip its middle frame as the network gets it, enlarged if
            that is small; and rows of a table, see ``COLUMNS``.

        Raises:
            ValueError, TypeError, OSError: The file can't be read, or is not
                within the limits.
        """
        item = self._open(path)
        takes_one = self.task in ('detection', 'pose')
        result = self._predict(item, threshold if takes_one else None)
        if self.task != 'action':
            return result.plot(), _rows(result)
        frames = self._viewer().see(item).frames
        middle, times = frames[len(frames) // 2], _enlarged(frames)
        large = middle.repeat(times, 0).repeat(times, 1)
        return draw_texts(large, *result.best()), _rows(result)

    def attention(self, path: str, x: float, y: float) -> Array:
        """Show what a point attends to, in panels.

        Args:
            path: A picture; a video for action.
            x: Pixels from the left of the picture that ``answer`` gives.
            y: Pixels from its top.

        Returns:
            Array: (H, W, 3), uint8, RGB.

        Raises:
            ValueError, TypeError, OSError: As for ``answer``; or the model
                has no attention of ours, or the point is outside.
        """
        viewer = self._viewer()
        item = self._open(path)
        seen = self._see(viewer, item, x, y)
        if self.task == 'action':
            times = _enlarged(seen.frames)
            x, y = x / times, y / times
        return sheet_of(viewer.attention(seen, (x, y)))

    def _viewer(self) -> Viewer:
        return Viewer(self.predictor)

    def _open(self, path: str) -> Item:
        file = Path(path)
        check_upload(file, self.task, self.limits)
        if self.task == 'action':
            return Item(file.name, str(file), clip=file)
        return Item(file.name, picture=decode_picture(file.read_bytes()))

    def _predict(self, item: Item, threshold: float | None) -> Result:
        inputs: Any = [item.picture if item.clip is None else item.path]
        whole = self.task == 'pose' and not self.finds_persons
        (result,) = self.predictor.predict(
            inputs,
            threshold=threshold,
            boxes='whole' if whole else None,
            on_error='raise',
        )
        return result

    def _see(self, viewer: Viewer, item: Item, x: float, y: float) -> Seen:
        if not (self.task == 'pose' and self.finds_persons):
            return viewer.see(item)
        boxes = self._predict(item, None).boxes
        assert boxes is not None
        return viewer.see(item, smallest_around(boxes.tolist(), x, y))


def _enlarged(frames: Array) -> int:
    """How many times as large frames (T, h, w, 3) are shown."""
    return max(1, LEAST_SIDE // min(frames.shape[1:3]))


def smallest_around(boxes: Sequence[Any], x: float, y: float) -> Box:
    """Return the smallest box, x1, y1, x2, y2, that a point is in.

    Raises:
        ValueError: It is in none.
    """
    around = [b for b in boxes if b[0] <= x < b[2] and b[1] <= y < b[3]]
    if not around:
        raise ValueError('the point is in no person that was found')
    x1, y1, x2, y2 = min(around, key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
    return x1, y1, x2, y2


def _rows(result: Result) -> list[list[str]]:
    if result.label_map is not None:
        ids, counts = np.unique(result.label_map, return_counts=True)
        order = np.argsort(-counts, kind='stable')
        whole = result.label_map.size
        return [
            [result.names[ids[i]], f'{counts[i] / whole:.1%}'] for i in order
        ]
    assert result.scores is not None
    scores = [f'{score:.2f}' for score in result.scores]
    if result.task in OF_THE_WHOLE:
        texts = list(zip(result.classes, scores, strict=True))[:5]
        return [list(row) for row in texts]
    assert result.boxes is not None
    boxes = [
        ', '.join(f'{value:.0f}' for value in box) for box in result.boxes
    ]
    firsts: Sequence[str] = result.classes
    if result.keypoints is not None:
        points = result.keypoints[..., 2] > SEEN
        firsts = [f'{row.sum()} of {len(row)}' for row in points]
    return [list(row) for row in zip(firsts, scores, boxes, strict=True)]
