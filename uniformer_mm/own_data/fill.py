"""What a template is filled in with, for each task."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uniformer_mm.own_data.by_class import Labelled
from uniformer_mm.own_data.coco import find_coco, read_coco
from uniformer_mm.own_data.contents import Contents, class_notes
from uniformer_mm.own_data.keypoints import template_keypoints
from uniformer_mm.own_data.labelled_pictures import read_labelled_pictures
from uniformer_mm.own_data.mask_files import relabelled
from uniformer_mm.own_data.masks import read_masks
from uniformer_mm.own_data.objects import coco_of, palette
from uniformer_mm.own_data.splits import make_splits
from uniformer_mm.own_data.videos import read_videos
from uniformer_mm.own_data.voc import find_voc, read_voc
from uniformer_mm.own_data.yolo import find_yolo, read_yolo

__all__ = ['FILL', 'Filled']

TEMPLATES = {
    'boxes': 'detection/faster-rcnn_uniformer-s-h14_1x_custom.py',
    'masks': 'detection/mask-rcnn_uniformer-s-h14_1x_custom.py',
    'segmentation': 'segmentation/upernet_uniformer-s-h14_custom.py',
    'pose': 'pose/td-hm_uniformer-s_210e_custom-256x192.py',
    'action': 'action/uniformer-s_16x4_custom.py',
    'classification': 'classification/uniformer-s_custom.py',
}


@dataclass
class Filled:
    """A template, its values, and what to tell.

    Attributes:
        template (str): Path of the config below the folder of configs.
        values (dict): Name in the template -> value.
        summary (str): What was found, in a line.
        notes (list[str]): What the user should know.
    """

    template: str
    values: dict[str, Any]
    summary: str
    notes: list[str]


def _detection(root: Path, draft: Path, share: float, seed: int) -> Filled:
    contents = _objects(root)
    written = _write_coco(contents, root, draft, share, seed)
    things = [
        thing
        for pictures in contents.splits.values()
        for picture in pictures
        for thing in picture.things
    ]
    bare = sum(not thing.mask for thing in things)
    masked = bare < len(things)
    if masked and bare:
        contents.notes.append(
            f'{bare} of {len(things)} objects have no mask: boxes alone are '
            'trained; give all of them one for Mask R-CNN'
        )
    masked = masked and not bare
    metainfo = {
        'classes': tuple(contents.classes),
        'palette': palette(len(contents.classes)),
    }
    return Filled(
        TEMPLATES['masks' if masked else 'boxes'],
        {**written, 'metainfo': metainfo},
        _summary(contents, f'boxes{" and masks" if masked else ""}'),
        contents.notes,
    )


def _objects(root: Path) -> Contents:
    """Read whichever of the formats is there."""
    if files := find_coco(root):
        return read_coco(root, files, keypoints=False)
    if xml := find_voc(root):
        return read_voc(root, xml)
    if labels := find_yolo(root):
        return read_yolo(root, labels)
    raise ValueError(
        f'no annotations in {root}: looked for json files of COCO, xml files '
        'of Pascal VOC (root element annotation), and text files of YOLO '
        'beside pictures or in labels/'
    )


def _pose(root: Path, draft: Path, share: float, seed: int) -> Filled:
    contents = read_coco(root, find_coco(root), keypoints=True)
    written = _write_coco(contents, root, draft, share, seed)
    keypoints, notes = template_keypoints(contents.keypoints)
    return Filled(
        TEMPLATES['pose'],
        {**written, 'keypoints': keypoints, 'links': contents.links},
        _summary(contents, f'{len(keypoints)} keypoints'),
        contents.notes + notes,
    )


def _write_coco(
    contents: Contents, root: Path, draft: Path, share: float, seed: int
) -> dict[str, Any]:
    """Write a file per split, and return the template's values for them."""
    contents.splits, notes = make_splits(
        contents.splits, share, seed, group=lambda p: bool(p.things)
    )
    contents.notes += notes + class_notes(contents.classes)
    values: dict[str, Any] = {}
    (draft / 'annotations').mkdir()
    for split, pictures in contents.splits.items():
        told, notes = coco_of(pictures, contents)
        contents.notes += [f'{split}: {note}' for note in notes]
        if not told['annotations']:
            raise ValueError(
                f'{split} has {len(pictures)} pictures and no object that '
                f'can be used: {"; ".join(notes) or "none is annotated"}'
            )
        name = f'annotations/{split}.json'
        (draft / name).write_text(json.dumps(told), encoding='utf-8')
        values[f'{split}_file'] = name
        values[f'{split}_images'] = f'{root.as_posix()}/'
    return values


def _summary(contents: Contents, what: str) -> str:
    counts = _counts(contents.splits)
    return (
        f'{contents.form}: {what}, {len(contents.classes)} classes, {counts}'
    )


def _counts(splits: Mapping[str, list[Any]]) -> str:
    return ', '.join(
        f'{len(items):,} to {"train" if split == "train" else "validate"}'
        for split, items in splits.items()
    )


def _segmentation(root: Path, draft: Path, share: float, seed: int) -> Filled:
    from PIL import Image

    masks = read_masks(root)
    splits, notes = make_splits(masks.splits, share, seed)
    pairs = [pair for some in splits.values() for pair in some]
    endings = {os.path.splitext(pair.picture)[1] for pair in pairs}
    # mmseg takes one ending: of several, none, and names in full.
    ending = endings.pop() if len(endings) == 1 else ''
    for split, some in splits.items():
        stems = [pair.picture.removesuffix(ending) for pair in some]
        text = ''.join(f'{stem}\n' for stem in stems)
        (draft / f'{split}.txt').write_text(text, encoding='utf-8')
        for stem, pair in zip(stems, some, strict=True):
            path = draft / 'masks' / f'{stem}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            mask = relabelled(root / pair.mask, masks.labels)
            Image.fromarray(mask).save(path)
    values = {
        'image_ending': ending,
        'mask_ending': '.png',
        'metainfo': {
            'classes': tuple(masks.classes),
            'palette': palette(len(masks.classes)),
        },
    }
    for split in ('train', 'val'):
        values[f'{split}_images'] = f'{root.as_posix()}/'
        values[f'{split}_masks'] = 'masks/'
        values[f'{split}_list'] = f'{split}.txt'
    summary = f'masks: {len(masks.classes)} classes, {_counts(splits)}'
    notes = [*masks.notes, *notes, *class_notes(masks.classes)]
    return Filled(TEMPLATES['segmentation'], values, summary, notes)


def _action(root: Path, draft: Path, share: float, seed: int) -> Filled:
    videos, frames = read_videos(root)
    filled = _write_lists('action', videos, draft, share, seed, '\t')
    filled.values['delimiter'] = '\t'
    for split in ('train', 'val'):
        filled.values[f'{split}_videos'] = f'{root.as_posix()}/'
    length, interval = 16, 4
    if frames < length * interval:
        interval = max(1, frames // length)
        filled.values |= {'clip_len': length, 'frame_interval': interval}
        filled.notes.append(
            f'the shortest video has {frames} frames: a clip is taken from '
            f'{length * interval} of them, not 64'
        )
    return filled


def _classification(
    root: Path, draft: Path, share: float, seed: int
) -> Filled:
    pictures = read_labelled_pictures(root)
    filled = _write_lists('classification', pictures, draft, share, seed)
    for split in ('train', 'val'):
        filled.values[f'{split}_folder'] = f'{root.as_posix()}/'
    return filled


def _write_lists(
    task: str,
    found: Labelled,
    draft: Path,
    share: float,
    seed: int,
    delimiter: str = ' ',
) -> Filled:
    """Write a list per split, of lines 'FILE LABEL'."""
    splits, notes = make_splits(
        found.splits, share, seed, group=lambda row: row[1]
    )
    values: dict[str, Any] = {'classes': tuple(found.classes)}
    for split, some in splits.items():
        text = ''.join(f'{path}{delimiter}{label}\n' for path, label in some)
        (draft / f'{split}.txt').write_text(text, encoding='utf-8')
        values[f'{split}_file'] = f'{split}.txt'
    what = 'videos' if task == 'action' else 'pictures'
    return Filled(
        TEMPLATES[task],
        values,
        f'{what}: {len(found.classes)} classes, {_counts(splits)}',
        [*found.notes, *notes, *class_notes(found.classes)],
    )


FILL: Mapping[str, Callable[[Path, Path, float, int], Filled]] = {
    'detection': _detection,
    'segmentation': _segmentation,
    'pose': _pose,
    'action': _action,
    'classification': _classification,
}
"""Task -> what reads a folder, writes below a draft, and returns the rest.

Arguments are the folder, the draft, and share and seed of what validates.
"""
