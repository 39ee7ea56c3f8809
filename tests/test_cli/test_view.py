"""``uniformer-mm view``: all tasks, what is drawn, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine import Config
from PIL import Image

from tests.support.host_tests import CLIPS, HostTest
from uniformer_mm import deploy
from uniformer_mm.cli.main import main
from uniformer_mm.predict import load
from uniformer_mm.predict.items import Item
from uniformer_mm.predict.pictures import decode_picture
from uniformer_mm.predict.video import frame_count
from uniformer_mm.view import Viewer

Get = Callable[[str], HostTest]
WHAT = ('features', 'attention', 'rollout', 'cam')
# One of its test pictures has something for each.
NAMES = {
    'detection': 'person',
    'segmentation': 'circle',
    'pose': 'nose',
    'action': None,
    'classification': None,
}


def view(
    capsys: pytest.CaptureFixture[str], task: str, source: Any, *words: Any
) -> tuple[int, str]:
    code = main(
        ['view', task, str(source), *map(str, words), '--device', 'cpu']
    )
    return code, capsys.readouterr().err


@pytest.mark.parametrize('task', list(NAMES))
def test_every_task(
    task: str,
    host_test: Get,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    test = host_test(task)
    for what in WHAT:
        out = tmp_path / f'{what}.png'
        words = ['--weights', test.checkpoint, '--out', out, '--what', what]
        if what == 'cam' and NAMES[task]:
            words += ['--class', NAMES[task]]
        code, errors = view(capsys, task, test.inputs[0], *words)
        assert (code, 'uniformer-mm:' in errors) == (0, False)
        with Image.open(out) as picture:
            pixels = np.asarray(picture)
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1000


def test_videos(
    host_test: Get, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A frame of the video, or of a clip, after the other."""
    test = host_test('segmentation')
    words = ['--weights', test.checkpoint, '--frame-step', 100]
    assert (
        view(
            capsys,
            *('segmentation', CLIPS / 'test.avi', *words),
            *('--out', tmp_path / 'frames.mp4', '--point', 20, 30),
        )[0]
        == 0
    )
    expected = -(-frame_count(CLIPS / 'test.avi') // 100)
    assert frames_of(tmp_path / 'frames.mp4') == expected > 1
    clip = host_test('action')
    words = ['--weights', clip.checkpoint, '--frame', 0, '--heads']
    out = tmp_path / 'clip.mp4'
    words += ['--block', 'stage3', '--out', out]
    assert view(capsys, 'action', clip.inputs[0], *words)[0] == 0
    config = Config.fromfile(clip.config)
    (length,) = (
        step.clip_len
        for step in config.test_dataloader.dataset.pipeline
        if 'clip_len' in step
    )
    assert frames_of(out) == length > 1
    code, errors = view(
        capsys,
        *('segmentation', CLIPS / 'test.avi', '--frame-step', 100),
        *('--weights', test.checkpoint, '--out', tmp_path / 'a.png'),
    )
    assert code == 1
    assert 'more than one picture: give --out a video' in errors


def frames_of(path: Path) -> int:
    video = cv2.VideoCapture(str(path))
    count = 0
    while video.read()[0]:
        count += 1
    video.release()
    return count


@pytest.fixture(scope='module')
def viewer(host_test: Get) -> Viewer:
    test = host_test('detection')
    return Viewer(load('detection', weights=test.checkpoint, device='cpu'))


def picture(host_test: Get) -> Item:
    path = host_test('detection').inputs[0]
    return Item(path.name, picture=decode_picture(path.read_bytes()))


def test_a_deployed_model_shows_the_same(
    host_test: Get, viewer: Viewer
) -> None:
    test = host_test('detection')
    predictor = load('detection', weights=test.checkpoint, device='cpu')
    deploy(predictor.module)
    deployed = Viewer(predictor)
    item = picture(host_test)
    for what in WHAT:
        pairs = [
            getattr(one, what)(one.see(item)) for one in (viewer, deployed)
        ]
        for got, expected in zip(*pairs, strict=True):
            assert got.title == expected.title
            gap = got.frames.astype(int) - expected.frames
            assert np.mean(np.abs(gap) > 8) < 0.01, got.title


def test_points_and_boxes(host_test: Get, viewer: Viewer) -> None:
    """In pixels of the picture, which the pipeline makes smaller."""
    item = picture(host_test)
    seen = viewer.see(item)
    assert item.picture is not None
    height, width = item.picture.shape[:2]
    _, small_height, small_width, _ = seen.frames.shape
    assert seen.place((width / 2, height / 4)) == pytest.approx(
        (small_width / 2, small_height / 4), abs=0.5
    )
    with pytest.raises(ValueError, match=r'outside of what the network sees'):
        viewer.attention(seen, (width + 5, 3))
    (found,) = load_results(host_test)
    box = tuple(float(v) for v in found.boxes[0])
    one = viewer.cam(seen, 'person', box=box, blocks=['stage3'])
    assert one[0].title == f'input: person {found.scores[0]:.2f}'
    every = viewer.cam(seen, 'person', blocks=['stage3'])
    assert not np.array_equal(one[1].frames, every[1].frames)
    with pytest.raises(ValueError, match='no box that the model finds'):
        viewer.cam(seen, box=(-9.0, -9.0, -5.0, -5.0))
    panels = viewer.cam(seen, box=(-9.0, -9.0, -5.0, -5.0), empty=True)
    assert panels[0].title == 'input: nothing found'


def load_results(host_test: Get) -> Any:
    test = host_test('detection')
    predictor = load('detection', weights=test.checkpoint, device='cpu')
    return predictor.predict(test.inputs[0], threshold=0)


def test_pose_looks_at_a_person(host_test: Get) -> None:
    """The crop shows what is in the box, where ``place`` says."""
    test = host_test('pose')
    viewer = Viewer(load('pose', weights=test.checkpoint, device='cpu'))
    image = np.zeros((400, 600, 3), np.uint8)
    image[150:160, 300:310] = 255
    seen = viewer.see(Item('a', picture=image), (250.0, 100.0, 350.0, 300.0))
    rows, columns = np.nonzero(seen.frames[0].max(-1) > 128)
    x, y = seen.place((305, 155))
    assert (columns.mean(), rows.mean()) == pytest.approx((x, y), abs=2)


@pytest.mark.parametrize(
    ('words', 'error'),
    [
        (['--block', 'stage1.0'], "no block 'stage1.0' for this; choose from"),
        (['--what', 'cam', '--class', 'dog'], "no class 'dog'; choose one of"),
        (['--point', 9999, 0], 'outside of what the network sees'),
        (['--class', 'a'], '--class goes with --what cam, not with attention'),
        (['--what', 'features', '--frame', 0], '--what attention or rollout'),
        (['--frame', 3], 'frame must lie in [0, 0], got 3'),
    ],
)
def test_what_is_refused(
    words: list[Any],
    error: str,
    host_test: Get,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    test = host_test('detection')
    words = [*words, '--weights', test.checkpoint]
    out = tmp_path / 'a.png'
    code, errors = view(
        capsys, 'detection', test.inputs[0], '--out', out, *words
    )
    assert (code, out.exists()) == (1, False)
    assert error in errors
    assert 'Traceback' not in errors


def test_bad_files(
    tmp_path: Path, host_test: Get, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = ('--weights', host_test('detection').checkpoint)
    out = ('--out', tmp_path / 'a.png')
    (tmp_path / 'a.jpg').write_text('text')
    code, errors = view(
        capsys, 'detection', tmp_path / 'a.jpg', *out, *weights
    )
    assert (code, 'it is no picture' in errors) == (1, True)
    words = ('--out', tmp_path / 'a.txt')
    code, errors = view(capsys, 'detection', 'a.jpg', *words)
    assert (code, '--out must end in .bmp' in errors) == (1, True)


def test_other_backbones(host_test: Get) -> None:
    test = host_test('detection')
    predictor = load('detection', weights=test.checkpoint, device='cpu')
    predictor.module.backbone = torch.nn.Identity()
    with pytest.raises(ValueError, match='the weights that it was made from'):
        Viewer(predictor)
