"""Results: pictures, files and formats of every task."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from uniformer_mm.predict import Result
from uniformer_mm.predict.legend import Legend, colors, find_legend

H, W = 30, 50
MASKS = np.zeros((2, H, W), bool)
MASKS[0, 5:10, 5:20] = MASKS[1, 15:29, 30:49] = True
LEGEND = Legend(('cat', 'dog'), ((255, 0, 0), (0, 0, 255)))
BODY = Legend(
    ('person',),
    colors(1),
    ('head', 'foot'),
    ((255, 0, 0), (0, 255, 0)),
    ((0, 1),),
    ((0, 0, 255),),
)
BOXES = np.array([[5, 5, 20, 10], [30, 15, 49, 29]], np.float32)
SCORES = np.array([0.9, 0.5], np.float32)
LABELS = np.array([1, 0])
POINTS = np.array(
    [[[6, 6, 0.9], [18, 9, 0.8]], [[31, 16, 0.9], [48, 28, 0.1]]], np.float32
)


def result(task: str, name: str = 'deep/a.jpg') -> Result:
    fields: dict[str, dict[str, Any]] = {
        'detection': {'boxes': BOXES, 'scores': SCORES, 'labels': LABELS},
        'segmentation': {'label_map': MASKS[1].astype(np.int64)},
        'pose': {'boxes': BOXES, 'scores': SCORES, 'labels': LABELS * 0},
        'action': {'scores': SCORES, 'labels': LABELS},
    }
    fields['detection']['masks'] = MASKS
    fields['pose']['keypoints'] = POINTS
    legend = BODY if task == 'pose' else LEGEND
    image = np.full((H, W, 3), 100, np.uint8)
    return Result(task, name, legend, image=image, **fields[task])


TASKS = ('detection', 'segmentation', 'pose', 'action')
every_task = pytest.mark.parametrize('task', TASKS)


@every_task
def test_it_is_pickled_and_told_as_json(task: str) -> None:
    one = result(task)
    other = pickle.loads(pickle.dumps(one))
    assert other.classes == one.classes
    assert np.array_equal(other.image, one.image)
    told = json.loads(json.dumps(one.to_dict()))
    assert (told['task'], told['height'], told['width']) == (task, H, W)
    assert json.loads(json.dumps(other.to_dict())) == told


@every_task
def test_it_is_drawn_on_a_copy(task: str) -> None:
    one = result(task)
    drawn = one.plot()
    assert (drawn.shape, drawn.dtype) == ((H, W, 3), np.uint8)
    assert (drawn != one.image).any()
    assert (one.image == 100).all()


def test_colours_are_where_the_things_are() -> None:
    assert result('detection').plot()[26, 40].tolist() == [178, 50, 50]
    assert result('segmentation').plot()[26, 40].tolist() == [50, 50, 178]
    pose = result('pose').plot()
    assert pose[6, 6].tolist() == [255, 0, 0]
    # Its other end is not seen.
    assert pose[22, 39].tolist() == [100, 100, 100]


@every_task
def test_files_are_named_after_the_input(task: str, tmp_path: Path) -> None:
    written = result(task).save(tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in written}
    expected = {'pictures/deep/a.jpg', 'results/deep/a.jpg.json'}
    if task == 'segmentation':
        expected.add('label_maps/deep/a.jpg.png')
    assert names == expected
    assert {p for p in tmp_path.rglob('*') if p.is_file()} == set(written)


def test_a_label_map_is_class_ids_with_a_palette(tmp_path: Path) -> None:
    result('segmentation').save(tmp_path)
    with Image.open(tmp_path / 'label_maps/deep/a.jpg.png') as picture:
        assert np.array_equal(np.asarray(picture), MASKS[1])
        assert picture.convert('RGB').getpixel((40, 26)) == (0, 0, 255)


def test_over_256_classes_ids_have_16_bits(tmp_path: Path) -> None:
    ids = np.full((H, W), 299)
    names = tuple(map(str, range(300)))
    legend = Legend(names, colors(300))
    image = np.zeros((H, W, 3), np.uint8)
    one = Result('segmentation', 'a.gif', legend, image=image, label_map=ids)
    picture, label_map, _ = one.save(tmp_path)
    assert picture.name == 'a.gif.png'
    with Image.open(label_map) as read:
        assert np.array_equal(np.asarray(read), ids)


def test_coco_annotations() -> None:
    masks = pytest.importorskip('pycocotools.mask')
    first, second = result('detection').to_coco(image_id=7, first_id=3)
    assert (first['id'], second['id']) == (3, 4)
    assert first['category_id'] == 2
    assert first['bbox'] == [5, 5, 15, 5]
    assert first['area'] == 75
    assert np.array_equal(masks.decode(second['segmentation']), MASKS[1])
    pose, _ = result('pose').to_coco()
    assert pose['keypoints'] == pytest.approx(POINTS[0].ravel().tolist())
    with pytest.raises(ValueError, match='not for action'):
        result('action').to_coco()


def test_classes() -> None:
    assert result('detection').classes == ('dog', 'cat')
    assert result('segmentation').classes == ('cat', 'dog')


def test_an_error_has_no_picture(tmp_path: Path) -> None:
    bad = Result('detection', 'a.jpg', LEGEND, error='it is damaged')
    assert bad.size is None
    assert bad.classes == ()
    assert bad.to_dict()['error'] == 'it is damaged'
    for use in (bad.plot, bad.to_coco, lambda: bad.save(tmp_path)):
        with pytest.raises(ValueError, match=r'a\.jpg .* it is damaged'):
            use()


@every_task
def test_supervision(task: str) -> None:
    try:
        import supervision  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match=r'uniformer_mm\[supervision\]'):
            result(task).to_supervision()
        return
    found = result(task).to_supervision()
    assert len(found) == 2
    if task in ('detection', 'segmentation'):
        assert np.array_equal(found.mask[-1], MASKS[1])


def test_names_are_never_guessed() -> None:
    palette = [(1, 2, 3), (4, 5, 6)]
    coco = {'classes': ('a', 'b'), 'palette': palette}
    legend = find_legend(2, None, [{}, {'classes': ('x',)}, coco])
    assert legend == Legend(('a', 'b'), ((1, 2, 3), (4, 5, 6)))
    assert find_legend(3, None, [coco]).names == (
        'class 0',
        'class 1',
        'class 2',
    )
    assert find_legend(1, ['z'], [coco]).names == ('z',)
    with pytest.raises(ValueError, match=r'names must be 1, .* got 2'):
        find_legend(1, ['y', 'z'], [])


def test_colours_differ() -> None:
    assert len(set(colors(150))) == 150
