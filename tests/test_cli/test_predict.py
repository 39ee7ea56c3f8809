"""``uniformer-mm predict``: what is written, told and returned."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.host_tests import CLIPS, HostTest
from uniformer_mm.cli.main import main

Run = Callable[..., tuple[int, str]]
Get = Callable[[str], HostTest]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a task on inputs; gives the exit code and what stderr has."""

    def predict(task: str, *words: Any) -> tuple[int, str]:
        out = ('--out', str(tmp_path / 'out'), '--device', 'cpu')
        code = main(['predict', task, *map(str, words), *out])
        return code, capsys.readouterr().err

    return predict


def files_in(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob('*')
        if path.is_file()
    }


def test_good_and_bad_files(host_test: Get, run: Run, tmp_path: Path) -> None:
    detector = host_test('detection')
    folder = tmp_path / 'in'
    for path in detector.inputs[:2]:
        (folder / path.stem).mkdir(parents=True)
        shutil.copy(path, folder / path.stem / 'same.jpg')
    (folder / 'bad.jpg').write_text('no picture')
    code, errors = run(
        'detection',
        folder,
        tmp_path / 'none',
        *('--weights', detector.checkpoint, '--threshold', 0),
        *('--batch-size', 4),
    )
    assert code == 1
    assert 'uniformer-mm: bad.jpg: it is no picture' in errors
    assert 'none: there is no such file or folder' in errors
    assert 'Traceback' not in errors
    out = tmp_path / 'out'
    names = [f'{path.stem}/same.jpg' for path in detector.inputs[:2]]
    assert files_in(out) == {
        *(f'pictures/{name}' for name in names),
        'predictions.json',
        'results.jsonl',
    }
    lines = [
        json.loads(line)
        for line in (out / 'results.jsonl').read_text().splitlines()
    ]
    assert [('error' in line) for line in lines].count(True) == 2
    coco = pytest.importorskip('pycocotools.coco').COCO(
        str(out / 'predictions.json')
    )
    assert [i['file_name'] for i in coco.loadImgs([1, 2])] == sorted(names)
    assert coco.loadCats([1])[0]['name'] == 'person'
    masks = [coco.annToMask(a) for a in coco.loadAnns(coco.getAnnIds([1]))]
    with Image.open(folder / sorted(names)[0]) as picture:
        assert masks[0].shape == picture.size[::-1]
    assert len(coco.anns) == sum(len(x.get('found', ())) for x in lines)

    code, errors = run('detection', folder, '--weights', detector.checkpoint)
    assert code == 1
    assert 'results.jsonl is there; name a new folder' in errors


def test_segmentation_and_a_video(
    host_test: Get, run: Run, tmp_path: Path
) -> None:
    test = host_test('segmentation')
    video = CLIPS / 'test.avi'
    words = ('--weights', test.checkpoint, '--frame-step', 100)
    assert run('segmentation', test.inputs[0], video, *words)[0] == 0
    out = tmp_path / 'out'
    label_maps = list((out / 'label_maps').rglob('*.png'))
    assert '000100.png' in [path.name for path in label_maps]
    with Image.open(next(out.rglob(f'{test.inputs[0].name}.png'))) as picture:
        expected = test.samples[0]['pred_sem_seg']['data'][0]
        assert np.array_equal(np.asarray(picture), expected)
    told = json.loads((out / 'predictions.json').read_text())
    assert [c['name'] for c in told['classes']][1] == 'circle'
    assert len(told['results']) == len(label_maps)
    assert list((out / 'pictures').rglob('test.avi.mp4'))


def test_action(host_test: Get, run: Run, tmp_path: Path) -> None:
    test = host_test('action')
    (tmp_path / 'names').write_text('up\ndown\ngrow\nshrink\n')
    words = ('--weights', test.checkpoint, '--names', tmp_path / 'names')
    assert run('action', CLIPS / 'test.avi', *words)[0] == 0
    out = tmp_path / 'out'
    assert 'pictures/test.avi.mp4' in files_in(out)
    (told,) = json.loads((out / 'predictions.json').read_text())['results']
    assert {one['class'] for one in told['found']} == {
        'up',
        'down',
        'grow',
        'shrink',
    }


def test_pose_of_found_boxes(host_test: Get, run: Run, tmp_path: Path) -> None:
    """What detection wrote says where persons are."""
    detector, test = host_test('detection'), host_test('pose')
    picture = detector.inputs[0]
    main(
        [
            *('predict', 'detection', str(picture), '--no-pictures'),
            *('--weights', str(detector.checkpoint), '--threshold', '0'),
            *('--out', str(tmp_path / 'found'), '--device', 'cpu'),
        ]
    )
    boxes = tmp_path / 'found/predictions.json'
    words = ('--weights', test.checkpoint, '--boxes', boxes)
    assert run('pose', picture, *words)[0] == 0
    told = json.loads((tmp_path / 'out/predictions.json').read_text())
    found = json.loads(boxes.read_text())
    assert len(told['annotations']) == len(found['annotations']) > 0
    assert len(told['annotations'][0]['keypoints']) == 3 * 17
    assert told['categories'][0]['keypoints'][0] == 'nose'
    bad = (*words, '--person', 'horse')
    code, errors = run('pose', picture, *bad)
    assert code == 1
    assert "no category 'horse'" in errors


@pytest.mark.parametrize(
    ('words', 'error'),
    [
        (['--weights', 'none.pth'], "'none.pth' is no file"),
        (['--config', 'a.py'], 'weights must be given with config'),
        (['--boxes', 'whole'], '--boxes are for pose, not detection'),
        (['--names', 'none.txt'], 'none.txt'),
    ],
)
def test_what_is_refused(run: Run, words: list[str], error: str) -> None:
    pytest.importorskip('mmdet')
    code, errors = run('detection', 'a.jpg', *words)
    assert code == 1
    assert error in errors
    assert 'Traceback' not in errors
    assert 'Traceback' in run('detection', 'a.jpg', '--debug', *words)[1]
