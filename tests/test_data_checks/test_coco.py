"""Files in COCO's format: each fault is found, with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.annotations import coco, write_coco
from uniformer_mm.data_checks.coco import CocoNeeds, check_coco
from uniformer_mm.data_checks.finding import Finding

Content = dict[str, Any]
BOXES = CocoNeeds(('cat', 'dog'), masks=True, evaluated=True)
NAMES = ['nose', 'left', 'right']
POINTS = CocoNeeds(keypoints=3, evaluated=True)


def check(
    folder: Path, content: Any, needs: CocoNeeds = BOXES
) -> list[Finding]:
    return check_coco(write_coco(folder / 'a.json', content), needs)


def test_a_sound_file_has_no_faults(tmp_path: Path) -> None:
    assert check(tmp_path, coco()) == []
    assert check(tmp_path, coco(names=NAMES), POINTS) == []
    few = coco()
    few['categories'].append({'id': 3, 'name': 'cow'})  # of some classes
    assert check(tmp_path, few) == []


def put(part: str, key: str, value: Any) -> Callable[[Content], None]:
    """Put a value into the last entry of a part; ``...`` removes the key."""

    def change(content: Content) -> None:
        if value is ...:
            content[part][-1].pop(key)
        else:
            content[part][-1][key] = value

    return change


def everywhere(key: str, value: Any) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for one in content['annotations']:
            one[key] = value

    return change


def twice(part: str) -> Callable[[Content], None]:
    return lambda content: content[part].append(dict(content[part][-1]))


def reverse(content: Content) -> None:
    content['categories'].reverse()


ANN, IMG, CAT = 'annotations', 'images', 'categories'
RLE = {'size': [32, 32], 'counts': 'abc'}


@pytest.mark.parametrize(
    ('change', 'severity', 'place', 'what'),
    [
        # H1, H14, H19: classes.
        (reverse, 'error', '', 'in the order of the file'),
        (put(CAT, 'name', 'Dog'), 'error', '', "'dog' may be 'Dog'"),
        (put(CAT, 'name', 'dgo'), 'error', '', "'dog' may be 'dgo'"),
        (
            put(CAT, 'name', 'cat'),
            'error',
            '',
            "2 categories have the name 'cat'",
        ),
        (put(CAT, 'name', ...), 'error', 'category 1', 'an id and a name'),
        (put(CAT, 'id', '2'), 'error', "id '2'", 'must be a whole number'),
        # H17: ids.
        (put(ANN, 'id', 'a'), 'error', "annotation 3, id 'a'", 'whole number'),
        (put(ANN, 'id', 1.5), 'error', 'id 1.5', 'whole number'),
        (put(ANN, 'id', None), 'error', 'id None', 'whole number'),
        (put(IMG, 'id', '1'), 'error', "image 1, id '1'", 'whole number'),
        (put(ANN, 'image_id', {}), 'error', '4', 'image_id must be a whole'),
        (twice(ANN), 'error', 'annotation 4', 'two annotations have one id'),
        (twice(IMG), 'error', 'image 1', 'two pictures have one id'),
        # H2, H22: what the model or the metric needs.
        (put(ANN, 'segmentation', ...), 'error', 'annotation 4', 'no mask'),
        (put(ANN, 'segmentation', []), 'error', 'annotation 4', 'no mask'),
        (put(ANN, 'area', ...), 'error', 'annotation 4', 'no area'),
        (put(ANN, 'iscrowd', ...), 'error', 'annotation 4', 'no iscrowd'),
        (put(ANN, 'segmentation', [[1, 2, 3, 4]]), 'error', '4', 'one has 4'),
        (put(ANN, 'segmentation', [[1] * 7]), 'error', '4', 'one has 7'),
        (put(ANN, 'segmentation', [1] * 6), 'error', '4', 'list of polygons'),
        (
            put(ANN, 'segmentation', dict(RLE, size=[9, 9])),
            'error',
            '4',
            'another size than its picture',
        ),
        (
            put(ANN, 'segmentation', {'size': [32, 32], 'counts': [9, 9, 9]}),
            'error',
            '4',
            'are 27 pixels in all, and its picture has 1024',
        ),
        (
            put(ANN, 'segmentation', {'size': [32, 32], 'counts': [1, -1]}),
            'error',
            '4',
            'counts that are no whole numbers',
        ),
        (
            put(ANN, 'segmentation', [[40, 4, 50, 4, 50, 9]]),
            'error',
            '4',
            'lie outside its picture',
        ),
        (put(ANN, 'iscrowd', '0'), 'error', '4', 'must be 0 or 1'),
        # Boxes.
        (put(ANN, 'bbox', ...), 'error', 'annotation 4', 'must be 4 numbers'),
        (put(ANN, 'bbox', [1, 2, 3]), 'error', '4', 'must be 4 numbers'),
        (put(ANN, 'bbox', [1, 2, 3, float('nan')]), 'error', '4', 'finite'),
        (put(ANN, 'bbox', [1, 2, float('inf'), 4]), 'error', '4', 'finite'),
        (put(ANN, 'bbox', [4, 4, 0, 9]), 'warning', '4', 'less than a pixel'),
        (
            put(ANN, 'bbox', [40, 4, 9, 9]),
            'warning',
            '4',
            'outside its picture',
        ),
        (put(ANN, 'bbox', [20, 4, 19, 9]), 'warning', '4', 'reaches out of'),
        (put(ANN, 'area', 0), 'warning', 'annotation 4', 'no area above 0'),
        (put(ANN, 'image_id', 77), 'warning', 'annotation 4', 'not listed'),
        (
            put(ANN, 'category_id', 77),
            'warning',
            '4',
            'no class of the config',
        ),
        # H21: nothing is left, and why.
        (everywhere('bbox', [0.1, 0.1, 0.5, 0.5]), 'error', '', 'normalised'),
        (everywhere('bbox', [20, 20, 30, 30]), 'warning', '', 'x1, y1, x2'),
        (
            everywhere('area', 0),
            'error',
            '',
            'no annotation of 4 can be used (4 area of 0 or below)',
        ),
        (everywhere('iscrowd', 1), 'error', '', '(4 a crowd)'),
        (everywhere('image_id', 5), 'error', '', '(4 no picture of its'),
        (everywhere('category_id', 5), 'error', '', '(4 no class of its'),
        (
            everywhere('category_id', 1),
            'warning',
            '',
            "class 'dog' has no annotation",
        ),
        # Pictures.
        (put(IMG, 'width', 0), 'error', 'image 1', 'width and height'),
        (put(IMG, 'height', ...), 'error', 'image 1', 'width and height'),
        (put(IMG, 'file_name', ...), 'error', 'image 1', 'no file_name'),
        (put(IMG, 'file_name', '0.jpg'), 'warning', '0.jpg', 'more than once'),
    ],
)
def test_a_fault_is_found(
    change: Callable[[Content], None],
    severity: str,
    place: str,
    what: str,
    tmp_path: Path,
) -> None:
    content = coco()
    change(content)
    found = check(tmp_path, content)
    (finding,) = (f for f in found if what in str(f))
    assert finding.severity == severity
    assert finding.file == str(tmp_path / 'a.json')
    assert place in ''.join(finding.places)
    assert finding.way_out


@pytest.mark.parametrize(
    ('change', 'severity', 'what'),
    [
        (put(CAT, 'keypoints', ['nose', 'left']), 'error', "'cat' 2: ['nose'"),
        (
            put(ANN, 'keypoints', [1, 1, 2]),
            'error',
            'needs 9 numbers; one has 3',
        ),
        (put(ANN, 'category_id', [1]), 'error', 'category_id must be a whole'),
        (put(ANN, 'keypoints', ...), 'error', 'no keypoints'),
        (put(ANN, 'keypoints', [1, 1, 3] * 3), 'error', 'visibility'),
        (put(ANN, 'keypoints', [0.2, 0.4, 2] * 3), 'error', 'normalised'),
        (put(ANN, 'keypoints', [1, 1, 'x'] * 3), 'error', 'finite numbers'),
        (
            put(ANN, 'keypoints', [1, 99, 2] * 3),
            'warning',
            'outside its picture',
        ),
        (
            everywhere('num_keypoints', 0),
            'error',
            '(2 no keypoint that is visible)',
        ),
        (
            everywhere('keypoints', [0] * 9),
            'error',
            '(2 no keypoint that is visible)',
        ),
    ],
)
def test_a_fault_of_keypoints_is_found(
    change: Callable[[Content], None],
    severity: str,
    what: str,
    tmp_path: Path,
) -> None:
    content = coco(names=NAMES)
    change(content)
    found = check(tmp_path, content, POINTS)
    (finding,) = (f for f in found if what in str(f))
    assert finding.severity == severity


@pytest.mark.parametrize(
    ('content', 'what'),
    [
        ('', 'the file is empty'),
        ('{"images": [1,\n 2', 'line 2, column 3: it is no json'),
        ('\ufeff{}', 'save it as UTF-8 without the mark'),
        ('{}', 'no list images, annotations, categories'),
        ('[1]', 'no list images, annotations, categories'),
        (
            '{"images": [], "annotations": [], "categories": [3]}',
            'it has no pictures',
        ),
    ],
)
def test_a_file_that_is_none(content: str, what: str, tmp_path: Path) -> None:
    assert what in '\n'.join(map(str, check(tmp_path, content)))


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    path = write_coco(tmp_path / 'a.json', coco())
    path.write_bytes(path.read_text().encode('utf-16'))
    assert 'save it as UTF-8' in '\n'.join(map(str, check_coco(path, BOXES)))


def test_objects_that_are_listed_again(tmp_path: Path) -> None:
    content = coco()
    objects = content['annotations']
    for key, change in enumerate(({}, {}, {'iscrowd': 1}, {'area': 5}), 11):
        objects.append({**objects[0], 'id': key, **change})
    objects[-1]['bbox'] = [4.0, 4, 16, 12.5]
    (finding,) = (f for f in check(tmp_path, content) if 'before' in f.what)
    assert finding.severity == 'warning'
    assert finding.what.startswith('2 of its objects')
    assert finding.places == ('annotation 11 as 1', 'annotation 12 as 1')


def test_nothing_is_annotated(tmp_path: Path) -> None:
    empty = {**coco(), 'annotations': []}
    for needs, severity in (
        (CocoNeeds(('cat', 'dog')), 'error'),
        (BOXES, 'warning'),
        (POINTS, 'error'),
    ):
        (finding,) = check(tmp_path, empty, needs)
        assert finding.severity == severity


def test_classes_of_the_config(tmp_path: Path) -> None:
    needs = CocoNeeds(tuple('raccoon'))  # a tuple without its comma
    content = coco()
    content['categories'] = [{'id': 1, 'name': 'raccoon'}]
    text = '\n'.join(map(str, check(tmp_path, content, needs)))
    assert "('raccoon',)" in text


def test_pictures_are_looked_for(tmp_path: Path) -> None:
    folder = tmp_path / 'pictures'
    folder.mkdir()
    (folder / '0.jpg').touch()
    (folder / '1.JPG').touch()
    needs = CocoNeeds(('cat', 'dog'), folder=str(folder))
    (finding,) = check(tmp_path, coco(), needs)
    assert finding.places == ('1.jpg',)
    assert "but '1.JPG' is" in finding.what


def test_folders_of_names_are_parted_as_here(tmp_path: Path) -> None:
    content = coco(pictures=1)
    content['images'][0]['file_name'] = 'train\\0.jpg'
    needs = CocoNeeds(('cat', 'dog'), folder=str(tmp_path))
    (finding,) = check(tmp_path, content, needs)
    assert 'whose folders are parted by /' in finding.what


def test_what_was_mended_is_looked_at_again(tmp_path: Path) -> None:
    needs = CocoNeeds(('cat', 'dog'), folder=str(tmp_path))
    (finding,) = check(tmp_path, coco(), needs)
    assert finding.places == ('0.jpg', '1.jpg')
    for name in finding.places:
        (tmp_path / name).touch()
    assert check_coco(tmp_path / 'a.json', needs) == []


def test_many_places_are_one_line(tmp_path: Path) -> None:
    content = coco(pictures=50)
    everywhere('area', None)(content)
    (finding,) = (f for f in check(tmp_path, content) if 'no area' in f.what)
    assert len(finding.places) == 100
    assert 'annotation 5 and 95 more' in str(finding)
