"""What people's folders have, and would train wrongly without a word."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support import own_folders as own
from uniformer_mm.own_data import Written, write_config
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

Harm = Callable[[Path], None]
TRAIN = 'annotations/instances_train2017.json'
MAKERS: dict[str, Any] = {
    'coco': ('detection', own.make_coco),
    'voc': ('detection', own.make_voc),
    'yolo': ('detection', own.make_yolo),
    'masks': ('segmentation', own.make_masks),
    'keypoints': ('pose', own.make_keypoints),
    'videos': ('action', own.make_videos),
    'pictures': ('classification', own.make_classes),
    'lists': ('classification', own.make_lists),
}


@pytest.fixture(scope='module')
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('odd') / 'toy'
    make_toy_data(root, ToyDataSpec(4, 4, 64, train_clips=4, val_clips=4))
    return root


def written(kind: str, harm: Harm, toy: Path, folder: Path) -> Written:
    task, make = MAKERS[kind]
    root = folder / 'mine'
    root.mkdir()
    make(toy, root)
    harm(root)
    return write_config(task, root, folder / 'my.py')


def told(folder: Path, split: str = 'train') -> Any:
    path = folder / f'my_data/annotations/{split}.json'
    return json.loads(path.read_text())


def edit(name: str, change: Callable[[Any], None]) -> Harm:
    def harm(root: Path) -> None:
        content = json.loads((root / name).read_text())
        change(content)
        (root / name).write_text(json.dumps(content))

    return harm


def of_each(part: str, **values: Any) -> Harm:
    """Set keys of each entry of a part of the training file."""

    def change(content: Any) -> None:
        for one in content[part]:
            one.update(values)

    return edit(TRAIN, change)


def again(part: str, **values: Any) -> Harm:
    """List the first entry of a part twice."""
    return edit(TRAIN, lambda c: c[part].append({**c[part][0], **values}))


def twins(root: Path) -> None:
    """Two folders with pictures of one name, told apart by nothing."""
    for name in ('a', 'b'):
        shutil.copytree(root / 'train2017', root / name)
    shutil.rmtree(root / 'train2017')


def twins_of_voc(root: Path) -> None:
    shutil.copytree(root / 'JPEGImages', root / 'other')


def split_twice(root: Path) -> None:
    lists = root / 'ImageSets/Main'
    shutil.copy(lists / 'train.txt', lists / 'val.txt')


def lines(folder: str, text: str) -> Harm:
    def harm(root: Path) -> None:
        next((root / folder).glob('*.txt')).write_text(text)

    return harm


def yaml(text: str) -> Harm:
    return lambda root: (root / 'data.yaml').write_text(text) and None


def none_to_train(root: Path) -> None:
    (root / TRAIN).unlink()


def mask_per_class(root: Path) -> None:
    for name in ('cat', 'dog'):
        shutil.copytree(root / 'masks', root / 'labels' / name)
    shutil.rmtree(root / 'masks')


def as_jpeg(root: Path) -> None:
    path = next((root / 'masks').iterdir())
    Image.open(path).save(path.with_suffix('.jpg'))
    path.unlink()


def smoothed(root: Path) -> None:
    """Enlarge all, with greys at the edges of the masks."""
    (root / 'classes.txt').unlink()
    for path in sorted(root.rglob('*.*')):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if path.parent.name == 'masks':
            image = (image > 0) * np.uint8(255)
        cv2.imwrite(str(path), cv2.resize(image, None, fx=10, fy=10))


def palettes(root: Path) -> None:
    for i, path in enumerate(sorted((root / 'masks').iterdir())):
        mask = Image.open(path).convert('L')
        mask.putpalette([0, 0, 0, *[60 * (i + 1)] * 9])
        mask.save(path)


def colours_and_classes(root: Path) -> None:
    for path in (root / 'masks').iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        Image.fromarray(own.COLOURS[mask].astype(np.uint8)).save(path)


def broken_video(root: Path) -> None:
    next(root.rglob('*.mp4')).write_bytes(b'no video')


def no_object(root: Path) -> None:
    edit(TRAIN, lambda c: c.update(annotations=[]))(root)


def in_latin_1(root: Path) -> None:
    (root / 'classes.txt').write_bytes('none\nhäuser\n'.encode('latin-1'))


def outside(root: Path) -> None:
    shutil.copy(next(root.rglob('*.jpg')), root / 'out.jpg')


def beside_splits(root: Path) -> None:
    shutil.copytree(root / 'circle', root / 'train/circle')


def split_below(root: Path) -> None:
    shutil.copytree(root / 'circle', root / 'circle/test')


def listed(line: str) -> Harm:
    def harm(root: Path) -> None:
        for split in ('train', 'val'):
            (root / f'meta/{split}.txt').write_text(f'{line}\n')

    return harm


def labels_from_1(root: Path) -> None:
    for path in (root / 'meta').iterdir():
        rows = [row.rsplit(' ', 1) for row in path.read_text().splitlines()]
        path.write_text(''.join(f'{a} {int(b) + 1}\n' for a, b in rows))


def two_labels(root: Path) -> None:
    path = root / 'meta/train.txt'
    first, second = path.read_text().splitlines()[:2]
    path.write_text(f'{first}\n\n{first[:-1]}7\n{second}\n')


def few_names(root: Path) -> None:
    (root / 'classes.txt').write_text('circle\n')


@pytest.mark.parametrize(
    ('kind', 'harm', 'what'),
    [
        ('coco', again('images'), r'train2017.json: two of its images have'),
        ('coco', again('categories'), 'two of its categories have the id'),
        ('coco', again('images', id=99), '1 pictures are listed twice'),
        (
            'coco',
            of_each('annotations', bbox=[0.1, 0.1, 0.5, 0.5]),
            r'boxes are within \(0, 0\) and \(1, 1\)',
        ),
        (
            'coco',
            edit(TRAIN, lambda c: c['annotations'].append([1])),
            r'annotations\[\d+\] must be an object',
        ),
        ('coco', none_to_train, "all are of 'val' or 'test'"),
        ('coco', no_object, 'train has 4 pictures and no object .*annotated'),
        ('coco', twins, "may be any of .*'a/.*'b/"),
        ('voc', twins_of_voc, "may be any of .*'JPEG.*'other/"),
        ('yolo', lines('train/labels', 'inf 0.5 0.5 1 1'), 'class inf, and'),
        ('yolo', lines('train/labels', '0 nan .5 1 1'), r'lie in \[0, 1\]'),
        ('yolo', yaml('names: [yes, no, x]'), 'in quotes'),
        ('yolo', yaml('names: circle'), 'must be a list of texts'),
        ('yolo', yaml('names: {0: a, x: b}'), 'must be numbered from 0'),
        ('yolo', yaml('names: [a, b, a]'), "different names, twice: .'a'"),
        ('yolo', yaml('kpt_shape: [4, 3]\nnames: [a, b, c]'), 'of keypoints'),
        ('masks', mask_per_class, 'has several masks.*cat.*dog'),
        ('masks', smoothed, 'are edges smoothed'),
        ('masks', as_jpeg, 'is JPEG, which blurs'),
        ('masks', palettes, 'have different palettes'),
        ('masks', colours_and_classes, 'none of the colours'),
        ('masks', in_latin_1, r'classes\.txt must be text in UTF-8'),
        (
            'keypoints',
            edit(
                'all.json',
                lambda c: (
                    [a['keypoints'].pop() for a in c['annotations']] and None
                ),
            ),
            'no object that can be used: .*needs 12 numbers; one has 11',
        ),
        ('videos', broken_video, r"mp4 can't be read: it is no video"),
        ('pictures', outside, r'out\.jpg is in no folder of a class'),
        ('pictures', beside_splits, r'in .* are beside the splits .*train'),
        ('pictures', split_below, r"\['test'\] are below folders of classes"),
        ('lists', listed('1/a.jpg cat'), "line 1 must be 'FILE LABEL'"),
        ('lists', listed('none.jpg 0'), 'none of the pictures of the lists'),
        ('lists', labels_from_1, 'must start from 0, those .* start from 1'),
        ('lists', two_labels, 'line 3: .* is listed with two labels'),
        ('lists', few_names, 'has 1 names, and the lists have labels up to'),
    ],
)
def test_it_is_refused(
    kind: str, harm: Harm, what: str, toy: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=what):
        written(kind, harm, toy, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {'mine', 'mine_toy'}


def stray_labels(root: Path) -> None:
    (root / 'train/labels/nobody.txt').write_text('')


def stray_mask(root: Path) -> None:
    first, second = sorted((root / 'masks').iterdir())[:2]
    first.rename(root / 'masks/nobody.png')
    assert second.exists()


def deeper(root: Path) -> None:
    for folder in list(root.iterdir()):
        (folder / 'day 1').mkdir()
        for path in folder.glob('*.mp4'):
            path.rename(folder / 'day 1' / path.name)


def other_case(root: Path) -> None:
    def change(content: Any) -> None:
        content['categories'][0]['name'] = ' Circle '

    edit(TRAIN, change)(root)


def leaked(root: Path) -> None:
    for name in ('train2017', 'val2017'):
        for path in (root / name).iterdir():
            path.rename(root / f'{path.stem}.{name}.jpg')
    for name in ('train', 'val'):
        edit(
            f'annotations/instances_{name}2017.json',
            lambda c: (
                [
                    one.update(file_name=path.name)
                    for one, path in zip(
                        c['images'],
                        sorted(root.glob('*.train2017.jpg')),
                        strict=True,
                    )
                ]
                and None
            ),
        )(root)


@pytest.mark.parametrize(
    ('kind', 'harm', 'what'),
    [
        ('coco', other_case, "differ in case alone are several: .'Circle', "),
        ('coco', leaked, '4 of val are in train too'),
        ('voc', split_twice, '4 of val are in train too.*do not validate'),
        ('yolo', stray_labels, '1 label files have no picture, such as tr'),
        ('masks', stray_mask, '1 pictures have no mask, such as images/'),
        ('masks', stray_mask, '1 masks have no picture, such as masks/nobody'),
        ('videos', deeper, 'such as day 1, are taken as parts of the class'),
    ],
)
def test_it_is_told(
    kind: str, harm: Harm, what: str, toy: Path, tmp_path: Path
) -> None:
    notes = ' | '.join(written(kind, harm, toy, tmp_path).notes)
    assert re.search(what, notes), notes


def ids_from_0(content: Any) -> None:
    for one in content['categories']:
        one['id'] = 7 * (one['id'] - 1)
    for one in content['annotations']:
        one['category_id'] = str(7 * (one['category_id'] - 1))


def roboflow(content: Any) -> None:
    """A category above all, with the name of a class."""
    name = content['categories'][0]['name']
    content['categories'].insert(0, {'id': 0, 'name': name})


@pytest.mark.parametrize('change', [ids_from_0, roboflow])
def test_ids_may_be_any(
    change: Callable[[Any], None], toy: Path, tmp_path: Path
) -> None:
    written('coco', edit(TRAIN, change), toy, tmp_path)
    (tmp_path / 'plain').mkdir()
    written('coco', lambda _: None, toy, tmp_path / 'plain')
    for part in ('annotations', 'categories'):
        assert told(tmp_path)[part] == told(tmp_path / 'plain')[part]


def test_names_of_voc_may_be_the_same_in_splits(
    toy: Path, tmp_path: Path
) -> None:
    """Pictures are those beside the annotations."""
    make_voc = own.make_voc
    (tmp_path / 'voc').mkdir()
    make_voc(toy, tmp_path / 'voc')
    files = sorted((tmp_path / 'voc/Annotations').iterdir())[:2]
    root = tmp_path / 'mine'
    for split, file in zip(('train', 'val'), files, strict=True):
        (root / split).mkdir(parents=True)
        shutil.copy(file, root / split / '1.xml')
        picture = next((tmp_path / 'voc/JPEGImages').glob(f'{file.stem}.*'))
        shutil.copy(picture, root / split / f'1{picture.suffix}')
    write_config('detection', root, tmp_path / 'my.py')
    for split in ('train', 'val'):
        (image,) = told(tmp_path, split)['images']
        assert image['file_name'].startswith(f'{split}/1.')


def test_masks_of_one_name_lie_in_folders_of_one_name(
    toy: Path, tmp_path: Path
) -> None:
    (tmp_path / 'flat').mkdir()
    own.make_masks(toy, tmp_path / 'flat')
    root = tmp_path / 'mine'
    for i, path in enumerate(sorted((tmp_path / 'flat/masks').iterdir())):
        picture = next((tmp_path / 'flat/images').glob(f'{path.stem}.*'))
        for kind, file in (('images', picture), ('masks', path)):
            place = root / kind / f'city{i}' / f'1{file.suffix}'
            place.parent.mkdir(parents=True)
            shutil.copy(file, place)
    shutil.rmtree(root / 'masks/city3')
    shutil.copy(tmp_path / 'flat/classes.txt', root)
    notes = write_config('segmentation', root, tmp_path / 'my.py').notes
    assert any('1 pictures have no mask' in note for note in notes)
    for i in range(3):
        drawn = cv2.imread(str(root / f'masks/city{i}/1.png'), -1)
        found = cv2.imread(
            str(tmp_path / f'my_data/masks/images/city{i}/1.png'), -1
        )
        np.testing.assert_array_equal(found, drawn)


def test_palettes_are_named_by_their_colours(
    toy: Path, tmp_path: Path
) -> None:
    """As Pascal VOC's: places in a palette, and a file with the colours."""

    def harm(root: Path) -> None:
        for path in (root / 'masks').iterdir():
            # An order of its own, which the names do not follow.
            mask = 3 - cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            image = Image.fromarray(mask)
            image.putpalette(own.COLOURS[::-1].flatten().tolist())
            image.save(path)
        (root / 'classes.txt').unlink()
        (root / 'labelmap.txt').write_text(
            '# label:color_rgb:parts:actions\n'
            + ''.join(
                f'{name}:{",".join(map(str, rgb))}::\n'
                for name, rgb in zip('abcd', own.COLOURS.tolist(), strict=True)
            )
        )

    written('masks', harm, toy, tmp_path)
    for path in (tmp_path / 'my_data/masks/images').iterdir():
        found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        drawn = cv2.imread(str(toy / 'masks/train' / path.name), -1)
        np.testing.assert_array_equal(found, drawn)
