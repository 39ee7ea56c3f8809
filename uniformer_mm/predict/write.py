"""A folder of results, written as they come."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from uniformer_mm.predict import coco, draw, files
from uniformer_mm.predict.legend import Legend
from uniformer_mm.predict.result import Result
from uniformer_mm.predict.video import VideoWriter, frame_rate, frames_of

__all__ = ['ResultWriter']

LINES = 'results.jsonl'
ALL = 'predictions.json'


class ResultWriter:
    """Writes results below a folder, one after the other.

    - ``results.jsonl``: a line of json per result, errors too;
    - ``predictions.json``: all of them when done, for detection and pose as
      COCO has them;
    - ``pictures/NAME``: annotated pictures and videos;
    - ``label_maps/NAME.png``: of segmentation, class ids with a palette.

    Args:
        folder: It is made.
        task: 'detection', 'segmentation', 'pose', 'action' or
            'classification'.
        legend: Names and colours.
        pictures: Write annotated pictures and videos.

    Raises:
        FileExistsError: There are results in the folder.
    """

    def __init__(
        self, folder: Path, task: str, legend: Legend, *, pictures: bool
    ) -> None:
        self.folder = folder
        self.task = task
        self.legend = legend
        self.pictures = pictures
        if (folder / LINES).exists():
            raise FileExistsError(
                f'{folder} has results: {LINES} is there; name a new folder'
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._lines: TextIO = (folder / LINES).open('w', encoding='utf-8')
        self._video: VideoWriter | None = None

    def write(self, result: Result) -> None:
        """Write all files of one result."""
        self._lines.write(json.dumps(result.to_dict()) + '\n')
        self._lines.flush()
        if result.error:
            return
        if result.label_map is not None:
            path = files.label_map_path(self.folder, result.name)
            files.write_label_map(path, result.label_map, self.legend.palette)
        if not self.pictures:
            return
        if result.frame is not None:
            self._write_frame(result)
        elif self.task == 'action' and _is_file(result.path):
            self._write_clip(result)
        else:
            path = files.picture_path(self.folder, result.name)
            files.write_picture(path, result.plot())

    def close(self) -> None:
        """Finish the last video, and write ``predictions.json``."""
        if self._video:
            self._video.close()
        self._lines.close()
        with (self.folder / ALL).open('w', encoding='utf-8') as file:
            if self.task in ('detection', 'pose'):
                self._write_coco(file)
            else:
                told = [
                    {'id': i, 'name': name, 'color': color}
                    for i, (name, color) in enumerate(
                        zip(
                            self.legend.names, self.legend.palette, strict=True
                        )
                    )
                ]
                file.write(f'{{"classes": {json.dumps(told)}')
                _write_list(file, 'results', self._read())
                file.write('}\n')

    def _write_coco(self, file: TextIO) -> None:
        """Write COCO's parts one after the other, from the lines."""
        categories = coco.categories_of(self.legend)
        file.write(f'{{"categories": {json.dumps(categories)}')
        _write_list(file, 'images', map(_image, count(1), self._whole()))
        _write_list(file, 'annotations', self._annotations())
        file.write('}\n')

    def _annotations(self) -> Iterator[dict[str, Any]]:
        first = 1
        for image_id, told in enumerate(self._whole(), 1):
            yield from coco.annotations_of(told['found'], image_id, first)
            first += len(told['found'])

    def _read(self) -> Iterator[dict[str, Any]]:
        with (self.folder / LINES).open(encoding='utf-8') as file:
            yield from map(json.loads, file)

    def _whole(self) -> Iterator[dict[str, Any]]:
        return (told for told in self._read() if 'error' not in told)

    def _write_frame(self, result: Result) -> None:
        name = result.name.rpartition('/')[0]
        path = _video_path(self.folder, name)
        if self._video is None or self._video.path != path:
            if self._video:
                self._video.close()
            self._video = VideoWriter(path, result.rate or 1.0)
        self._video.write(result.plot())

    def _write_clip(self, result: Result) -> None:
        source = Path(str(result.path))
        path = _video_path(self.folder, result.name)
        texts, colors = result.best()
        with closing(VideoWriter(path, frame_rate(source))) as video:
            for frame in frames_of(source):
                video.write(draw.draw_texts(frame, texts, colors))


def _is_file(path: str | None) -> bool:
    return path is not None and os.path.isfile(path)


def _video_path(folder: Path, name: str) -> Path:
    fits = name.lower().endswith('.mp4')
    return folder / 'pictures' / (name if fits else f'{name}.mp4')


def _image(image_id: int, told: dict[str, Any]) -> dict[str, Any]:
    image = {'id': image_id, 'file_name': told['name']}
    return image | {
        k: told[k] for k in ('height', 'width', 'frame') if k in told
    }


def _write_list(file: TextIO, name: str, values: Iterator[Any]) -> None:
    """Write ``, "name": [...]`` without holding the list."""
    file.write(f', "{name}": [')
    for i, value in enumerate(values):
        file.write(',\n' * (i > 0) + json.dumps(value))
    file.write(']')
