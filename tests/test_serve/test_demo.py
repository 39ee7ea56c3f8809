"""What the page does, without the page."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.host_tests import CLIPS, HostTest
from uniformer_mm.predict import load
from uniformer_mm.serve.card import card_of
from uniformer_mm.serve.demo import COLUMNS, Demo, smallest_around
from uniformer_mm.serve.examples import draw_examples, thumbnail
from uniformer_mm.serve.limits import Limits

Get = Callable[[str], HostTest]
TASKS = list(COLUMNS)


@pytest.fixture(scope='module')
def demo_of(host_test: Get) -> Callable[[str], Demo]:
    made: dict[str, Demo] = {}

    def get(task: str) -> Demo:
        if task not in made:
            weights = host_test(task).checkpoint
            predictor = load(task, weights=weights, device='cpu')
            card = card_of(predictor, str(weights))
            made[task] = Demo(predictor, card)
        return made[task]

    return get


@pytest.mark.parametrize('task', TASKS)
def test_every_task(
    task: str, demo_of: Callable[[str], Demo], host_test: Get
) -> None:
    """The table says what the predictor found, and a click shows panels."""
    demo = demo_of(task)
    path = str(host_test(task).inputs[0])
    picture, rows = demo.answer(path, 0.0)
    assert picture.dtype == np.uint8
    boxes = {'boxes': 'whole'} if task == 'pose' else {}
    thresholds = {} if task in ('action', 'segmentation') else {'threshold': 0}
    (result,) = demo.predictor.predict(path, **thresholds, **boxes)
    assert {len(row) for row in rows} == {len(COLUMNS[task])}
    if task == 'segmentation':
        assert {row[0] for row in rows} == set(result.classes)
        shares = [float(row[1].removesuffix('%')) for row in rows]
        assert sum(shares) == pytest.approx(100, abs=0.1 * len(rows))
    else:
        scores = [f'{score:.2f}' for score in result.scores]
        assert [row[1] for row in rows] == scores[: len(rows)]
    if task != 'action':
        assert picture.shape == result.image.shape
        assert (picture != result.image).any()
    height, width = picture.shape[:2]
    assert min(height, width) > 100
    panels = demo.attention(path, width / 3, height / 2)
    assert panels.shape[0] > 100
    # Classifiers see the middle alone.
    corner = (width / 2, 1) if task == 'classification' else (width - 2, 1)
    other = demo.attention(path, *corner)
    assert panels.shape == other.shape
    assert (panels != other).any()
    with pytest.raises(ValueError, match='outside'):
        demo.attention(path, 2 * width, 0)  # crops of pose show some of it


def test_a_click_chooses_the_person(host_test: Get) -> None:
    detector = host_test('detection').checkpoint
    predictor = load(
        'pose',
        weights=host_test('pose').checkpoint,
        detector=detector,
        device='cpu',
    )
    demo = Demo(predictor, finds_persons=True)
    path = str(host_test('pose').inputs[0])
    _, rows = demo.answer(path, 0)
    assert len(rows) > 1
    assert ' of 17' in rows[0][0]
    middles = [
        [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
        for box in ([float(v) for v in row[2].split(', ')] for row in rows)
    ]
    shown = {demo.attention(path, *middle).tobytes() for middle in middles[:2]}
    assert len(shown) == 2


def test_the_smallest_box_around_a_point() -> None:
    boxes = [[0, 0, 10, 10], [2, 2, 6, 6], [5, 5, 30, 30]]
    assert smallest_around(boxes, 3, 3) == (2, 2, 6, 6)
    assert smallest_around(boxes, 8, 8) == (0, 0, 10, 10)
    with pytest.raises(ValueError, match='in no person'):
        smallest_around(boxes, 30, 5)


def write_bad(folder: Path) -> dict[str, str]:
    """Files that must be refused -> what is said."""
    (folder / 'empty.jpg').touch()
    (folder / 'text.jpg').write_text('no picture')
    Image.new('RGB', (1200, 1000)).save(folder / 'large.png')
    good = folder / 'good.jpg'
    Image.effect_noise((200, 200), 50).save(good)
    (folder / 'cut.jpg').write_bytes(good.read_bytes()[:-2000])
    (folder / 'heavy.bmp').write_bytes(b'BM' + bytes(3 << 20))
    (folder / 'a.txt').write_text('text')
    return {
        'empty.jpg': 'empty.jpg is empty',
        'text.jpg': 'text.jpg is no picture of a known format',
        'large.png': 'has 1200 x 1000 pixels; the limit is 1 million',
        'cut.jpg': 'damaged',
        'heavy.bmp': r'has 3.0 MiB; the limit is 2',
        'a.txt': 'detection takes a picture',
        'none.jpg': 'none.jpg',
    }


def test_bad_pictures(demo_of: Callable[[str], Demo], tmp_path: Path) -> None:
    demo = replace(demo_of('detection'), limits=Limits(mib=2, megapixels=1))
    for name, told in write_bad(tmp_path).items():
        for call in (
            lambda p: demo.answer(p, 0.3),
            lambda p: demo.attention(p, 1, 1),
        ):
            with pytest.raises((ValueError, OSError), match=told):
                call(str(tmp_path / name))
    demo.answer(str(tmp_path / 'good.jpg'), 0.3)


def test_bad_clips(demo_of: Callable[[str], Demo], tmp_path: Path) -> None:
    demo = demo_of('action')
    (tmp_path / 'a.mp4').write_text('text')
    with pytest.raises(ValueError, match='no video that can be read'):
        demo.answer(str(tmp_path / 'a.mp4'), 0)
    with pytest.raises(ValueError, match='action takes a video'):
        demo.answer('a.jpg', 0)
    clip = str(shutil.copy(CLIPS / 'arm_wrestling.mp4', tmp_path))
    short = replace(demo, limits=Limits(frames=20))
    with pytest.raises(ValueError, match='more than 20 frames'):
        short.answer(clip, 0)


@pytest.mark.parametrize('name', ['mib', 'megapixels', 'frames', 'waiting'])
def test_limits_are_counts(name: str) -> None:
    with pytest.raises(ValueError, match=f'{name} must be >= 1'):
        Limits(**{name: 0})


def test_card(demo_of: Callable[[str], Demo]) -> None:
    card = demo_of('detection').card
    assert 'MaskRCNN with UniFormer an arch of its own' in card
    assert 'checkpoint.pth`, not published, sha256 `' in card
    assert '1: person' in card
    assert 'none published' in card
    assert '17' in demo_of('pose').card


def test_card_of_published_weights() -> None:
    """Numbers are those of the paper, the licence what the host says."""
    from uniformer_mm.serve import card
    from uniformer_mm.weights.zoo import ZOO

    entry = ZOO['mask-rcnn_uniformer-s-h14_3x-ms_coco']
    told = card._results(entry)
    assert told == 'box AP 48.2, mask AP 43.4 on COCO (paper)'
    assert card._licence(entry).startswith('code Apache-2.0; weights ')


def test_examples(tmp_path: Path, demo_of: Callable[[str], Demo]) -> None:
    pictures, clips = draw_examples(tmp_path / 'examples')
    assert len(pictures) == len(clips) == 3
    for paths, task in ((pictures, 'segmentation'), (clips, 'action')):
        shown = [thumbnail(path) for path in paths]
        assert {image.shape for image in shown} == {(128, 128, 3)}
        assert len({image.tobytes() for image in shown}) == 3
        demo_of(task).answer(str(paths[0]), 0)


def test_errors_of_the_model_are_not_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gradio = pytest.importorskip('gradio')
    from uniformer_mm.serve.page import _guarded

    def fail(*_: Any) -> Any:
        raise RuntimeError('secret')

    with pytest.raises(gradio.Error, match='the log of the server says how'):
        _guarded(gradio, fail)('a.jpg', 0.3)
    assert 'secret' in capsys.readouterr().err
    with pytest.raises(gradio.Error, match='choose a file, or an example'):
        _guarded(gradio, fail)(None, 0.3)
    with pytest.raises(gradio.Error, match='choose a point'):
        _guarded(gradio, fail)('a.jpg', None)
