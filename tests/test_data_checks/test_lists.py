"""Lists of videos and frames, keypoints of a config, pairs with masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uniformer_mm.data_checks.keypoints import check_keypoint_info
from uniformer_mm.data_checks.label_map import check_pairs, mask_fault
from uniformer_mm.data_checks.video_list import ListNeeds, check_list

VIDEOS = ListNeeds(classes=2)
FRAMES = ListNeeds(classes=2, frames=True, delimiter=None)


def check(folder: Path, text: str, needs: ListNeeds) -> list[str]:
    path = folder / 'list.txt'
    path.write_text(text)
    return list(map(str, check_list(path, needs)))


@pytest.mark.parametrize(
    ('text', 'needs'),
    [
        ('a.mp4 0\nb.mp4 1\n', VIDEOS),
        ('a b.mp4\t0\nb.mp4\t1\n', ListNeeds(delimiter='\t', classes=2)),
        ('a.mp4 0 1\n', ListNeeds(classes=2, many=True)),
        ('a 9 0\nb 8 1\n', FRAMES),
        (
            'a  0 9 0\nb 3 8 1',
            ListNeeds(classes=2, frames=True, offset=True, delimiter=None),
        ),
    ],
)
def test_sound_lists(text: str, needs: ListNeeds, tmp_path: Path) -> None:
    assert check(tmp_path, text, needs) == []


@pytest.mark.parametrize(
    ('line', 'needs', 'what'),
    [
        ('a b.mp4 0', VIDEOS, 'a file name has a space'),
        ('a.mp4 7 0', VIDEOS, '3 columns'),
        ('', VIDEOS, 'a line is blank'),
        ('a.mp4', VIDEOS, 'the label is missing'),
        ('a.mp4 2', VIDEOS, 'the model has 2 classes'),
        ('a.mp4 -1', VIDEOS, 'a whole number of 0 or more'),
        ('a.mp4 one', VIDEOS, 'a whole number of 0 or more'),
        ('a.mp4  1', VIDEOS, 'columns'),
        ('a 0 1', FRAMES, 'a clip of 0 frames'),
        ('a 9', FRAMES, 'the label is missing'),
        ('a', FRAMES, '1 column'),
        ('a 9 1 4', FRAMES, '4 columns'),
    ],
)
def test_a_fault_has_its_line(
    line: str, needs: ListNeeds, what: str, tmp_path: Path
) -> None:
    middle = ' 9 ' if needs.frames else ' '
    x, y, z = (f'{name}{middle}{i % 2}' for i, name in enumerate('xyz'))
    (told,) = check(tmp_path, f'{x}\n{y}\n{line}\n{z}\n', needs)
    assert told.startswith(f'{tmp_path / "list.txt"}: line 3: ')
    assert what in told


def test_all_faults_at_once(tmp_path: Path) -> None:
    told = check(tmp_path, 'a.mp4\n\nb.mp4 9\nc.mp4\n', VIDEOS)
    assert len(told) == 3
    assert 'line 1, line 4: the label is missing' in '\n'.join(told)


@pytest.mark.parametrize('text', ['', '\n \n'])
def test_an_empty_list(text: str, tmp_path: Path) -> None:
    assert 'the list is empty' in check(tmp_path, text, VIDEOS)[0]


def test_labels_without_videos(tmp_path: Path) -> None:
    (told,) = check(tmp_path, 'a.mp4 0\n', ListNeeds(classes=3))
    assert '2 of 3 labels have no video: 1, 2' in told


def test_videos_and_frames_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / 'a.mp4').write_bytes(b'1')
    (tmp_path / 'b.mp4').touch()
    needs = ListNeeds(folder=str(tmp_path))
    told = '\n'.join(check(tmp_path, 'a.mp4 0\nb.mp4 0\nc.mp4 0', needs))
    assert 'line 2, b.mp4: a video is empty' in told
    assert 'line 3, c.mp4: no such video' in told
    (tmp_path / 'clip').mkdir()
    for i in (1, 2):
        (tmp_path / f'clip/img_{i:05}.jpg').touch()
    needs = ListNeeds(folder=str(tmp_path), frames=True, window=8)
    assert 'shorter than the 8' in check(tmp_path, 'clip 2 0', needs)[0]
    assert 'no frame img_00003.jpg' in check(tmp_path, 'clip 3 0', needs)[0]
    assert 'no such folder' in check(tmp_path, 'clop 2 0', needs)[0]


def info(**points: str) -> dict[str, Any]:
    return {
        'keypoint_info': {
            i: {'name': name, 'id': i, 'swap': swap}
            for i, (name, swap) in enumerate(points.items())
        },
        'skeleton_info': {0: {'link': ('nose', 'left'), 'id': 0}},
        'sigmas': [0.1] * len(points),
        'joint_weights': [1.0] * len(points),
    }


SOUND = {'nose': '', 'left': 'right', 'right': 'left'}


def test_keypoints_of_a_config() -> None:
    assert check_keypoint_info(info(**SOUND)) == []
    assert check_keypoint_info(info(nose='nose', left='')) == []


@pytest.mark.parametrize(
    ('changed', 'what'),
    [
        (
            info(nose='', left='right', right=''),
            "'left' becomes 'right' in a mirror, but 'right' becomes 'right'",
        ),
        (info(nose='', left='rigth', right='left'), 'which is no keypoint'),
        ({**info(**SOUND), 'sigmas': [0.1]}, 'sigmas must have a number per'),
        ({**info(**SOUND), 'joint_weights': []}, 'joint_weights must have'),
        (
            {**info(**SOUND), 'skeleton_info': {0: {'link': ('a', 'nose')}}},
            "a link ends at 'a'",
        ),
    ],
)
def test_a_fault_of_keypoints(changed: dict[str, Any], what: str) -> None:
    assert what in '\n'.join(map(str, check_keypoint_info(changed)))


@pytest.fixture
def pairs(tmp_path: Path) -> dict[str, Any]:
    for name in ('img/a.jpg', 'img/in/b.jpg', 'seg/a.png', 'seg/in/b.png'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return {
        'type': 'BaseSegDataset',
        'data_root': str(tmp_path),
        'data_prefix': {'img_path': 'img', 'seg_map_path': 'seg'},
        'metainfo': {'classes': ('a', 'b')},
    }


def test_pairs(pairs: dict[str, Any], tmp_path: Path) -> None:
    assert check_pairs(pairs) == []
    (tmp_path / 'list.txt').write_text('in/b\n')
    assert check_pairs({**pairs, 'ann_file': 'list.txt'}) == []


@pytest.mark.parametrize(
    ('change', 'what'),
    [
        ({'img_suffix': '.JPG'}, "ends in '.JPG'; there are {'.jpg': 2}"),
        ({'seg_map_suffix': '.bmp'}, 'a, in/b: a picture has no mask'),
        ({'metainfo': {}}, 'names no classes'),
        ({'ann_file': 'list.txt'}, 'a.jpg: a name of list.txt is no picture'),
    ],
)
def test_a_fault_of_pairs(
    change: dict[str, Any], what: str, pairs: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / 'list.txt').write_text('a\na.jpg\n')
    assert what in '\n'.join(map(str, check_pairs({**pairs, **change})))


@pytest.mark.parametrize(
    ('mask', 'what'),
    [
        (np.zeros((4, 6), np.uint8), ''),
        (np.full((4, 6), 255, np.uint8), ''),
        (np.full((4, 6), 2, np.uint8), 'values [2], and labels are 0 to 1'),
        (np.zeros((6, 4), np.uint8), '4 x 6 pixels, its picture 6 x 4'),
        (np.zeros((4, 6, 3), np.uint8), 'a picture of colours'),
    ],
)
def test_masks(mask: Any, what: str) -> None:
    fault = mask_fault(mask, (4, 6), classes=2)
    assert what in fault
    assert bool(what) == bool(fault)
