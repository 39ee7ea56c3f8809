"""What a template is filled in with, for each task."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uniformer_mm.own_data.coco import find_coco, read_coco
from uniformer_mm.own_data.contents import Contents, make_splits
from uniformer_mm.own_data.keypoints import template_keypoints
from uniformer_mm.own_data.masks import read_mask, read_masks, relabelled
from uniformer_mm.own_data.objects import coco_of, palette
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
}


@dataclass
class Filled:
    """A template, its values, and what to tell."""

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
    contents.notes += notes
    values: dict[str, Any] = {}
    (draft / 'annotations').mkdir()
    for split, pictures in contents.splits.items():
        told, notes = coco_of(pictures, contents)
        contents.notes += [f'{split}: {note}' for note in notes]
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
            mask = relabelled(read_mask(root / pair.mask), masks.labels)
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
    notes = [*masks.notes, *notes]
    return Filled(TEMPLATES['segmentation'], values, summary, notes)


def _action(root: Path, draft: Path, share: float, seed: int) -> Filled:
    videos = read_videos(root)
    splits, notes = make_splits(
        videos.splits, share, seed, group=lambda video: video[1]
    )
    for split, some in splits.items():
        text = ''.join(f'{path}\t{label}\n' for path, label in some)
        (draft / f'{split}.txt').write_text(text, encoding='utf-8')
    values: dict[str, Any] = {
        'delimiter': '\t',
        'classes': tuple(videos.classes),
    }
    for split in ('train', 'val'):
        values[f'{split}_file'] = f'{split}.txt'
        values[f'{split}_videos'] = f'{root.as_posix()}/'
    length, interval = 16, 4
    if videos.frames < length * interval:
        interval = max(1, videos.frames // length)
        values |= {'clip_len': length, 'frame_interval': interval}
        notes.append(
            f'the shortest video has {videos.frames} frames: a clip is taken '
            f'from {length * interval} of them, not 64'
        )
    summary = f'videos: {len(videos.classes)} classes, {_counts(splits)}'
    notes = [*videos.notes, *notes]
    return Filled(TEMPLATES['action'], values, summary, notes)


FILL: Mapping[str, Callable[[Path, Path, float, int], Filled]] = {
    'detection': _detection,
    'segmentation': _segmentation,
    'pose': _pose,
    'action': _action,
}
"""Task -> what reads a folder, writes below a draft, and returns the rest.

Arguments are the folder, the draft, and share and seed of what validates.
"""
