"""Loading, and errors that name the file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from uniformer_mm.toy_data import ToyDataSpec, make_toy_data
from uniformer_mm.transforms import (
    FramesDecode,
    RGBToBGR,
    VideoDecode,
    VideoInit,
)

pytest.importorskip('mmaction.datasets.transforms')


@pytest.fixture(scope='module')
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('clips') / 'toy'
    make_toy_data(root, ToyDataSpec(1, 1, 64, train_clips=1, val_clips=1))
    return root / 'clips' / 'train' / '000000.mp4'


def read(path: Path) -> dict[str, Any]:
    results = VideoInit()({'filename': str(path)})
    results['frame_inds'] = np.array([0, 31])
    return VideoDecode()(results)


def test_a_video(video: Path) -> None:
    results = read(video)
    assert results['total_frames'] == 32
    first, last = results['imgs']
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert results['img_shape'] == (64, 64)
    _, bgr = cv2.VideoCapture(str(video)).read()
    # Another decoder converts colours by other roundings.
    assert np.abs(first[..., ::-1].astype(int) - bgr).mean() < 3
    assert np.abs(first.astype(int) - last).mean() > 3


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / 'notes.mp4'
    path.write_text('not a video\n' * 100)
    with pytest.raises(OSError, match=r"can't read .*notes\.mp4 \(.*Fetch"):
        read(path)


def test_a_file_that_is_cut_off(video: Path, tmp_path: Path) -> None:
    data = video.read_bytes()
    path = tmp_path / 'cut.mp4'
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(OSError, match=r"can't read .*cut\.mp4 .*annotation"):
        read(path)


def test_damage_that_shows_on_decoding(video: Path, tmp_path: Path) -> None:
    """The index at the end is whole, the frames in front of it are not."""
    data = bytearray(video.read_bytes())
    start, end = data.index(b'mdat') + 4, data.index(b'moov') - 4
    data[start:end] = bytes(end - start)
    path = tmp_path / 'zeros.mp4'
    path.write_bytes(data)
    with pytest.raises(OSError, match=r"can't read .*zeros\.mp4"):
        read(path)


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / 'gone.mp4'
    with pytest.raises(OSError, match=r'read .*gone\.mp4 \(FileNotFoundErr'):
        read(path)


def test_a_missing_decoder_is_no_broken_file(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'decord', None)
    with pytest.raises(ImportError, match='pip install decord'):
        read(video)


def test_an_unknown_storage_is_no_broken_file(video: Path) -> None:
    with pytest.raises(ValueError, match='nowhere is not supported'):
        VideoInit(io_backend='nowhere')({'filename': str(video)})


@pytest.mark.parametrize(
    'error',
    [MemoryError(), PermissionError(13, 'Permission denied', 'clip.mp4')],
)
def test_faults_of_the_machine_are_no_broken_file(
    video: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def get(_path: object) -> bytes:
        raise error

    init = VideoInit()
    init({'filename': str(video)})
    monkeypatch.setattr(init.transform.file_client, 'get', get)
    with pytest.raises(type(error)) as caught:
        init({'filename': str(video)})
    assert caught.value is error


def test_a_pipeline_in_the_wrong_order_is_no_broken_file() -> None:
    with pytest.raises(KeyError, match='video_reader'):
        VideoDecode()({'filename': 'a.mp4'})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 255  # blue, as OpenCV writes
    for i in (1, 2):
        cv2.imwrite(str(tmp_path / f'img_{i:05}.png'), image)
    return tmp_path


def read_frames(folder: Path, **settings: Any) -> list[np.ndarray]:
    results = {
        'frame_dir': str(folder),
        'filename_tmpl': 'img_{:05}.png',
        'frame_inds': np.array([1, 2, 2]),
        'modality': 'RGB',
    }
    return FramesDecode(**settings)(results)['imgs']


def test_the_order_of_channels(folder: Path) -> None:
    imgs = read_frames(folder)
    assert len(imgs) == 3
    assert all((frame == [0, 0, 255]).all() for frame in imgs)
    turned = RGBToBGR()({'imgs': imgs})['imgs']
    assert len(turned) == 3
    assert all((frame == [255, 0, 0]).all() for frame in turned)
    assert all(frame.flags.c_contiguous for frame in turned)


def test_another_order_is_a_step_of_its_own(folder: Path) -> None:
    with pytest.raises(TypeError, match=r"got 'bgr': .*RGBToBGR"):
        read_frames(folder, channel_order='bgr')


@pytest.mark.parametrize('content', [None, b'no picture'])
def test_broken_frames(folder: Path, content: bytes | None) -> None:
    path = folder / 'img_00002.png'
    path.unlink()
    if content:
        path.write_bytes(content)
    with pytest.raises(OSError, match=f"can't read {folder}"):
        read_frames(folder)


def test_without_the_host_the_message_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, 'mmaction.datasets.transforms', None)
    with pytest.raises(ImportError, match=r"pip install 'uniformer_mm\[acti"):
        VideoInit()
