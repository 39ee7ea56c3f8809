"""Streams: in order, in bounded memory, each input with its own error."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from uniformer_mm.predict import Predictor, Result
from uniformer_mm.predict.items import Item
from uniformer_mm.predict.legend import Legend
from uniformer_mm.predict.video import VideoWriter, frames_of
from uniformer_mm.predict.write import ResultWriter

LEGEND = Legend(('thing',), ((255, 0, 0),))
BROKEN = 66  # brightness at which the network fails


class Host:
    """Stands for a host: gives back what it gets, and counts calls."""

    def __init__(self) -> None:
        self.shapes: list[list[tuple[int, ...]]] = []

    def run(self, batch: Sequence[Any]) -> list[Any]:
        shapes = [tuple(data['inputs'].shape) for data in batch]
        self.shapes.append(shapes)
        assert len(set(shapes)) == 1
        if any(data['inputs'].max() == BROKEN for data in batch):
            raise RuntimeError('the network fails')
        return [data['inputs'] for data in batch]


class Mean:
    """Stands for a detector: finds one thing, as sure as a picture is red."""

    task = 'detection'
    threshold = 0.0
    legend = LEGEND

    def __init__(self) -> None:
        self.host: Any = Host()

    def prepare(self, item: Item) -> tuple[Any, list[Any]]:
        assert item.picture is not None
        meta = SimpleNamespace(metainfo={})
        inputs = torch.from_numpy(item.picture)
        return item.picture, [{'inputs': inputs, 'data_samples': meta}]

    def read(self, samples: Sequence[Any], threshold: float) -> dict[str, Any]:
        height, width, _ = samples[0].shape
        return {
            'boxes': np.array([[0, 0, width, height]], np.float32),
            'scores': np.array([samples[0][0, 0, 0] / 255], np.float32),
            'labels': np.zeros(1, np.int64),
        }


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(Mean())


def picture(value: int, *size: int) -> Any:
    return np.full((*(size or (8, 8)), 3), value, np.uint8)


def video(path: Path, frames: int) -> Path:
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*'mp4v'), 25, (64, 64)
    )
    for i in range(frames):
        writer.write(picture(100 + i % 100, 64, 64))
    writer.release()
    return path


@pytest.mark.parametrize('batch_size', [1, 2, 3, 10])
def test_order_and_sizes(predictor: Predictor, batch_size: int) -> None:
    values = [10, 20, 30, 40, 50]
    sizes = [(8, 8), (4, 6), (8, 8), (8, 8), (4, 6)]
    inputs = [picture(v, *s) for v, s in zip(values, sizes, strict=True)]
    results = predictor.predict(inputs, batch_size=batch_size)
    got = [round(255 * float(r.scores[0])) for r in results]  # type: ignore[index]
    assert got == values
    assert [r.size for r in results] == sizes
    most = max(map(len, predictor._model.host.shapes))  # type: ignore[attr-defined]
    assert most == {1: 1, 2: 2, 3: 2, 10: 3}[batch_size]


@pytest.mark.parametrize('batch_size', [1, 4])
def test_a_failure_is_of_one_input_alone(
    predictor: Predictor, batch_size: int
) -> None:
    inputs = [picture(1), picture(BROKEN), 'none.jpg', picture(2)]
    results = list(predictor.predict(inputs, batch_size=batch_size))
    assert [r.error for r in results] == [
        '',
        'the network fails',
        'there is no such file or folder',
        '',
    ]
    assert results[1].image is None
    with pytest.raises(RuntimeError, match='the network fails'):
        list(predictor.predict(inputs, on_error='raise'))


@pytest.mark.parametrize(
    ('name', 'why'),
    [('none.jpg', 'no such file or folder'), ('torn.jpg', 'it is no picture')],
)
def test_what_the_network_can_not_be_given_is_named(
    predictor: Predictor, tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / 'torn.jpg').write_bytes(b'no picture')
    path = tmp_path / name
    with pytest.raises(ValueError, match=f'^{re.escape(str(path))}: .*{why}'):
        list(predictor.network_inputs(path))


def test_a_video_of_2000_frames(predictor: Predictor, tmp_path: Path) -> None:
    """Read, looked at and written: memory does not grow with its length."""
    path = video(tmp_path / 'long.mp4', 2000)
    results = predictor.predict(path, batch_size=4, stream=True)
    peaks = []
    writer = ResultWriter(tmp_path / 'out', 'detection', LEGEND, pictures=True)
    with closing(writer):
        tracemalloc.start()
        for i, result in enumerate(results):
            writer.write(result)
            assert result.frame == i
            if i in (200, 1999):
                peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert i == 1999
    # 1800 frames are 22 MB.
    assert peaks[1] < peaks[0] + 1e6
    assert len(list(frames_of(tmp_path / 'out/pictures/long.mp4'))) == 2000


def test_every_so_many_th_frame(predictor: Predictor, tmp_path: Path) -> None:
    path = video(tmp_path / 'v.mp4', 10)
    results = list(predictor.predict(path, frame_step=4))
    assert [r.frame for r in results] == [0, 4, 8]
    assert [r.name for r in results] == [
        'v.mp4/000000',
        'v.mp4/000004',
        'v.mp4/000008',
    ]
    assert results[0].rate == 25 / 4


def test_videos_without_frames(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / 'empty.mp4').touch()
    (tmp_path / 'text.mp4').write_text('no video')
    whole = video(tmp_path / 'whole.mp4', 50).read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(whole[: len(whole) // 2])
    errors = {r.name: r.error for r in predictor.predict(tmp_path) if r.error}
    assert errors == {
        'cut.mp4': 'it is no video that OpenCV can open',
        'empty.mp4': 'the file is empty',
        'text.mp4': 'it is no video that OpenCV can open',
    }


def test_a_video_is_of_one_size(tmp_path: Path) -> None:
    with closing(VideoWriter(tmp_path / 'a.mp4', 25)) as writer:
        writer.write(picture(1, 64, 64))
        with pytest.raises(ValueError, match=r'\(64, 64\), got \(32, 64\)'):
            writer.write(picture(1, 64, 32))


def test_results_so_far_are_kept(predictor: Predictor, tmp_path: Path) -> None:
    """As when somebody stops the command."""
    results = predictor.predict([picture(i) for i in range(3)])
    writer = ResultWriter(tmp_path, 'detection', LEGEND, pictures=True)

    def stop_after_two() -> None:
        with closing(writer):
            for i, result in enumerate(results):
                if i == 2:
                    raise KeyboardInterrupt
                writer.write(result)

    with pytest.raises(KeyboardInterrupt):
        stop_after_two()
    told = json.loads((tmp_path / 'predictions.json').read_text())
    assert len(told['images']) == len(told['annotations']) == 2


def test_a_camera_that_is_not_there(predictor: Predictor) -> None:
    (result,) = predictor.predict(99)
    assert result.error == 'it is no camera that OpenCV can open'


def test_an_endless_iterator_is_streamed(predictor: Predictor) -> None:
    def endless() -> Iterator[Any]:
        while True:
            yield picture(3)

    stream = predictor.predict(endless(), stream=True)
    assert isinstance(next(iter(stream)), Result)


def test_bgr_arrays(predictor: Predictor) -> None:
    blue = picture(0)
    blue[..., 0] = 255
    (result,) = predictor.predict(blue, channel_order='bgr')
    assert result.image is not None
    assert result.image[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ('options', 'error', 'words'),
    [
        ({'batch_size': 0}, ValueError, 'batch_size must be >= 1'),
        ({'batch_size': 1.5}, TypeError, 'batch_size must be an int'),
        ({'threshold': 2}, ValueError, r'threshold must lie in \[0, 1\]'),
        ({'frame_step': 0}, ValueError, 'frame_step must be >= 1'),
        ({'channel_order': 'gbr'}, ValueError, "'rgb', 'bgr'"),
        ({'on_error': 'skip'}, ValueError, "'result', 'raise'"),
        ({'boxes': 'whole'}, TypeError, 'boxes are for pose'),
        ({'stream': 1}, TypeError, 'stream must be True or False'),
    ],
)
def test_bad_arguments(
    predictor: Predictor,
    options: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        predictor.predict(picture(1), **options)
