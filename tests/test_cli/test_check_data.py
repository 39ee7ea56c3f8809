"""``uniformer-mm check-data``, on our toys and on damaged copies of them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support.damage import DAMAGE
from uniformer_mm.cli.main import main
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

TOYS = {
    'mmdet': 'detection/uniformer_maskrcnn_toy',
    'mmseg': 'segmentation/uniformer_fpn_toy',
    'mmpose': 'pose/uniformer_pose_toy',
    'mmaction': 'action/uniformer-s_toy',
    'mmpretrain': 'classification/uniformer-s_toy',
}


@pytest.fixture(scope='module')
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('check') / 'toy'
    make_toy_data(root, ToyDataSpec(8, 8, 64, train_clips=4, val_clips=4))
    return root


@pytest.fixture
def toy(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the toy configs look for it."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(drawn, tmp_path / 'data/toy')


def check(host: str, *words: str) -> int:
    pytest.importorskip(f'{host}.datasets')
    return main(['check-data', TOYS[host], '--workers', '0', *words])


@pytest.mark.parametrize('host', TOYS)
def test_our_toys_are_sound(
    host: str, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert toy.is_dir()
    assert check(host) == 0, capsys.readouterr().out
    assert capsys.readouterr().out.splitlines()[-1].startswith('0 errors, ')


def turned(path: Path) -> None:
    with Image.open(path) as picture:
        exif = picture.getexif()
        exif[0x0112] = 3
        picture.save(path, exif=exif)


def sixteen_bits(path: Path) -> None:
    cv2.imwrite(str(path), np.full((64, 64), 300, np.uint16))


def two_values(path: Path) -> None:
    for mask in path.parent.iterdir():
        read = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(mask), np.where(read > 0, 255, 0).astype(np.uint8))


def no_area(path: Path) -> None:
    content = json.loads(path.read_text())
    del content['annotations'][0]['area']
    path.write_text(json.dumps(content))


def spaces(path: Path) -> None:
    path.write_text(path.read_text().replace('.mp4 ', '.mp4 x '))


BOXES = 'annotations/instances_val.json'
LIST = 'annotations/clips_motion_train.txt'
PICTURE, MASK = 'train/000001.jpg', 'masks/train/000001.png'
CLIP = 'clips/train/000001.mp4'
CLASSED = 'classes/train/circle/000000.jpg'


@pytest.mark.parametrize(
    ('host', 'name', 'harm', 'what'),
    [
        ('mmdet', PICTURE, DAMAGE['empty'], 'is empty (0 bytes)'),
        ('mmdet', PICTURE, DAMAGE['cut'], 'the picture is damaged'),
        ('mmdet', PICTURE, DAMAGE['missing'], 'a picture is not in'),
        ('mmdet', PICTURE, DAMAGE['folder'], '000001.jpg is no file'),
        ('mmdet', PICTURE, DAMAGE['other size'], 'is 48 x 40 pixels'),
        ('mmdet', PICTURE, turned, 'its EXIF orientation is 3'),
        ('mmdet', BOXES, no_area, 'an annotation has no area'),
        ('mmdet', BOXES, DAMAGE['missing'], 'it does not exist'),
        ('mmseg', MASK, DAMAGE['high'], 'the mask has values [77]'),
        ('mmseg', MASK, DAMAGE['other size'], 'the mask is 48 x 40'),
        ('mmseg', MASK, DAMAGE['missing'], 'a picture has no mask'),
        ('mmseg', MASK, sixteen_bits, 'numbers up to 300'),
        ('mmseg', MASK, two_values, 'no mask has the classes'),
        ('mmpose', 'val/000001.jpg', DAMAGE['cut'], 'is damaged'),
        (
            'mmpose',
            'val/000001.jpg',
            DAMAGE['other size'],
            'is 48 x 40 pixels',
        ),
        ('mmpretrain', CLASSED, DAMAGE['cut'], 'the picture is damaged'),
        ('mmpretrain', CLASSED, DAMAGE['empty'], 'is empty (0 bytes)'),
        ('mmaction', CLIP, DAMAGE['empty'], 'a video is empty'),
        ('mmaction', CLIP, DAMAGE['cut'], "can't read"),
        ('mmaction', LIST, spaces, 'a file name has a space'),
    ],
)
def test_damage_is_found(
    host: str,
    name: str,
    harm: Callable[[Path], Any],
    what: str,
    toy: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    harm(toy / name)
    harmless = harm in (turned, two_values)
    report = toy / 'report.csv'
    assert check(host, '--out', str(report)) == int(not harmless)
    told = capsys.readouterr().out
    assert what in told
    with report.open(newline='', encoding='utf-8') as file:
        rows = [row for row in csv.DictReader(file) if what in row['what']]
    assert rows
    assert rows[0]['severity'] == ('warning' if harmless else 'error')
    assert Path(name).stem in ''.join(rows[0].values()) or harm is two_values


def test_workers_find_the_same(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGE['empty'](toy / PICTURE)
    outputs = []
    for workers in ('0', '2'):
        assert check('mmdet', '--workers', workers) == 1
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_what_is_asked_for_alone(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGE['empty'](toy / PICTURE)
    assert check('mmdet', '--splits', 'val') == 0
    assert check('mmdet', '--annotations-only') == 0
    moved = toy.rename(toy.with_name('moved'))
    assert check('mmdet', '--splits', 'val') == 1
    option = f'val_dataloader.dataset.data_root={moved}/'
    metric = f'val_evaluator.ann_file={moved}/{BOXES}'
    words = ('--splits', 'val', '--cfg-options', option, metric)
    assert check('mmdet', *words) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['no.py'], "no config 'no.py'"),
        ([TOYS['mmdet'], '--workers', '-1'], '--workers must be 0 or more'),
    ],
)
def test_bad_arguments(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['check-data', *words]) == 1
    assert told in capsys.readouterr().err
