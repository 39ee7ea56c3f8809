"""Clips of the toy data set."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from uniformer_mm.toy_data import (
    CLASSES,
    MOTIONS,
    ToyDataSpec,
    make_toy_data,
)

SPEC = ToyDataSpec(train=6, val=3, size=96, train_clips=2, val_clips=1)


def labels(toy: Path, kind: str, split: str) -> list[tuple[str, int]]:
    path = toy / 'annotations' / f'clips_{kind}_{split}.txt'
    rows = [line.split(' ') for line in path.read_text().splitlines()]
    return [(name, int(label)) for name, label in rows]


def extents(frames: np.ndarray) -> list[tuple[float, float, float]]:
    """Center y, height and filled part of its box of the shape, per frame.

    The shape is what has another color than the edge of the frame (H, W, 3).
    """
    rows = []
    for frame in frames.astype(float):
        edge = np.concatenate([frame[:, :2], frame[:, -2:]], axis=1)
        far = np.abs(frame - np.median(edge, (0, 1))).max(-1) > 35
        ys, xs = np.nonzero(far)
        points = np.stack([xs, ys], axis=1).astype(np.float32)
        sides = np.add(cv2.minAreaRect(points)[1], 1)  # may lie askew
        filled = far.sum() / np.prod(sides)
        rows.append(
            ((ys.max() + ys.min()) / 2, ys.max() - ys.min() + 1, filled)
        )
    return rows


@pytest.mark.parametrize(('split', 'count'), [('train', 24), ('val', 12)])
def test_eight_frames_show_motion_and_shape(
    toy: Path, split: str, count: int
) -> None:
    decord = pytest.importorskip('decord')
    moves, shapes = labels(toy, 'motion', split), labels(toy, 'shape', split)
    names = [f'{i:06d}.mp4' for i in range(count)]
    assert [n for n, _ in moves] == [n for n, _ in shapes] == names
    pairs = [(m, s) for (_, m), (_, s) in zip(moves, shapes, strict=True)]
    for pair in pairs:  # balanced
        assert pairs.count(pair) == count // len(MOTIONS) // len(CLASSES)
    for name, (motion, shape) in zip(names, pairs, strict=True):
        clip = decord.VideoReader(str(toy / 'clips' / split / name))
        assert (len(clip), clip.get_avg_fps()) == (32, 16)
        frames = clip.get_batch(range(2, 32, 4)).asnumpy()
        assert frames.shape == (8, 128, 128, 3)
        rows = np.array(extents(frames))
        (down, grown, _) = rows[-1] - rows[0]
        measured = {'up': -down, 'down': down, 'grow': grown, 'shrink': -grown}
        assert max(measured, key=measured.__getitem__) == MOTIONS[motion]
        assert measured[MOTIONS[motion]] > 25  # pixels of 128
        filled = {'circle': 0.76, 'square': 0.94, 'triangle': 0.5}
        part = float(np.median(rows[:, 2]))
        nearest = min(filled, key=lambda name: abs(filled[name] - part))
        assert nearest == CLASSES[shape]


def test_opencv_reads_the_clips_too(toy: Path) -> None:
    reader = cv2.VideoCapture(str(toy / 'clips/train/000000.mp4'))
    assert reader.get(cv2.CAP_PROP_FPS) == 16
    frames = []
    while (answer := reader.read())[0]:
        frames.append(answer[1])
    assert np.shape(frames) == (32, 128, 128, 3)


def test_an_odd_size(tmp_path: Path) -> None:
    spec = ToyDataSpec(train=1, val=1, size=65, train_clips=1, val_clips=0)
    assert make_toy_data(tmp_path / 'toy', spec) is True
    assert cv2.imread(str(tmp_path / 'toy/train/000000.jpg')).shape[0] == 65
    reader = cv2.VideoCapture(str(tmp_path / 'toy/clips/train/000000.mp4'))
    assert reader.read()[1].shape == (64, 64, 3)


def test_clips_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2.VideoWriter, 'fourcc', lambda *_: 0)
    with pytest.raises(OSError, match='wrote 0 of 32 frames; is the disk'):
        make_toy_data(tmp_path / 'toy', SPEC)
    assert list(tmp_path.iterdir()) == []
