"""Folders of data as people have them, made of the toy data set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.support.small_detection import VOC, as_voc
from uniformer_mm.toy_data import CLASSES, MOTIONS

COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]])


def instances(toy: Path, split: str = 'train') -> dict[str, Any]:
    path = toy / f'annotations/instances_{split}.json'
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def make_coco(toy: Path, root: Path, *, masks: bool = True) -> None:
    """Two splits, as COCO's own; without masks also without area."""
    for split in ('train', 'val'):
        shutil.copytree(toy / split, root / f'{split}2017')
        content = instances(toy, split)
        if not masks:
            for one in content['annotations']:
                for key in ('segmentation', 'area', 'iscrowd'):
                    del one[key]
        (root / 'annotations').mkdir(exist_ok=True)
        (root / f'annotations/instances_{split}2017.json').write_text(
            json.dumps(content)
        )


def make_boxes(toy: Path, root: Path) -> None:
    make_coco(toy, root, masks=False)


def make_voc(toy: Path, root: Path) -> None:
    """Lists in ImageSets/Main, names of Pascal VOC."""
    copy = shutil.copytree(toy, root.parent / f'{root.name}_toy')
    for split in ('train', 'val'):
        as_voc(copy, split)
    shutil.copytree(copy / 'VOC2007', root, dirs_exist_ok=True)
    (root / 'ImageSets/Main').mkdir()
    for path in (root / 'ImageSets').glob('*.txt'):
        path.rename(root / 'ImageSets/Main' / path.name)


def make_yolo(toy: Path, root: Path, *, polygons: bool = False) -> None:
    """train/images, train/labels, valid/..., data.yaml."""
    for split, ours in (('train', 'train'), ('valid', 'val')):
        shutil.copytree(toy / ours, root / split / 'images')
        content = instances(toy, ours)
        (root / split / 'labels').mkdir()
        for image in content['images']:
            lines = []
            for one in content['annotations']:
                if one['image_id'] != image['id']:
                    continue
                x, y, w, h = one['bbox']
                numbers = [x + w / 2, y + h / 2, w, h]
                if polygons:
                    (numbers,) = one['segmentation']
                told = ' '.join(str(n / image['width']) for n in numbers)
                lines.append(f'{one["category_id"] - 1} {told}\n')
            name = Path(image['file_name']).with_suffix('.txt')
            (root / split / 'labels' / name).write_text(''.join(lines))
    names = '\n'.join(f'  {i}: {name}' for i, name in enumerate(CLASSES))
    (root / 'data.yaml').write_text(f'train: train/images\nnames:\n{names}\n')


def make_masks(toy: Path, root: Path, kind: str = 'labels') -> None:
    """One folder each, without splits: 'labels', 'two', 'colours'."""
    shutil.copytree(toy / 'train', root / 'images')
    (root / 'masks').mkdir()
    for path in sorted((toy / 'masks/train').iterdir()):
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if kind == 'two':
            mask = ((mask > 0) * 255).astype(np.uint8)
        if kind == 'colours':
            mask = COLOURS[mask][..., ::-1].astype(np.uint8)
        cv2.imwrite(str(root / 'masks' / path.name), mask)
    if kind == 'colours':
        rows = [
            f'{name},{",".join(map(str, colour))}'
            for name, colour in zip(
                ('none', *CLASSES), COLOURS.tolist(), strict=True
            )
        ]
        (root / 'class_dict.csv').write_text('\n'.join(['name,r,g,b', *rows]))
    if kind == 'labels':
        (root / 'classes.txt').write_text('\n'.join(('none', *CLASSES)))


def make_keypoints(toy: Path, root: Path) -> None:
    """One file for all pictures, which lie in a folder of another name."""
    shutil.copytree(toy / 'val', root / 'pictures')
    shutil.copy(toy / 'annotations/keypoints_val.json', root / 'all.json')


def make_videos(toy: Path, root: Path) -> None:
    """A folder per class, and spaces in the names."""
    for split in ('train', 'val'):
        path = toy / f'annotations/clips_motion_{split}.txt'
        for line in path.read_text().splitlines():
            name, label = line.split()
            folder = root / MOTIONS[int(label)]
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(toy / 'clips' / split / name, folder / f'my {name}')
            shutil.copy(
                toy / 'clips' / split / name, folder / f'{split}{name}'
            )


def make_classes(toy: Path, root: Path) -> None:
    """A folder per class; which picture is in which means nothing."""
    for i, path in enumerate(sorted((toy / 'train').iterdir())):
        folder = root / CLASSES[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / f'my {path.name}')


def make_lists(toy: Path, root: Path) -> None:
    """As ImageNet has them: meta/train.txt of what is below train/."""
    (root / 'meta').mkdir(parents=True)
    for split in ('train', 'val'):
        make_classes(toy, root / split)
        rows = [
            f'{path.relative_to(root / split).as_posix()} '
            f'{CLASSES.index(path.parent.name)}\n'
            for path in sorted((root / split).rglob('*.*'))
        ]
        (root / f'meta/{split}.txt').write_text(''.join(rows))


VOC_NAMES = sorted(VOC.values())
