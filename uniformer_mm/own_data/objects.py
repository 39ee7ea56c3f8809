"""Pictures and their objects as COCO has them, with what the hosts want."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Iterable
from typing import Any

from uniformer_mm.data_checks.shapes import (
    bbox_fault,
    keypoints_fault,
    segmentation_fault,
)
from uniformer_mm.own_data.contents import Contents, Picture, Thing

__all__ = ['coco_of', 'palette']

GOLDEN = 0.618  # of the circle of hues: neighbours differ


def coco_of(
    pictures: Iterable[Picture], contents: Contents
) -> tuple[dict[str, Any], list[str]]:
    """Return the content of a COCO file, and notes of what was left out.

    Ids are counted from 1, categories have the order of the classes, and
    each object has an area and ``iscrowd``.

    Args:
        pictures: Of one split.
        contents: Of which they are: classes and keypoints.
    """
    ids = {name: i for i, name in enumerate(contents.classes, 1)}
    dropped: Counter[str] = Counter()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures, 1):
        images.append(
            {
                'id': number,
                'file_name': picture.file,
                'width': picture.width,
                'height': picture.height,
            }
        )
        for thing in picture.things:
            why = _fault(thing, picture, contents)
            if why:
                dropped[why] += 1
                continue
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': number,
                    'category_id': ids[thing.name],
                    **_extent(thing),
                    **_keypoints(thing),
                }
            )
    notes = [f'{n} objects left out: {why}' for why, n in dropped.items()]
    categories = [{'id': i, 'name': name} for name, i in ids.items()]
    if contents.keypoints:
        for category in categories:
            category['keypoints'] = contents.keypoints
    told = {
        'images': images,
        'annotations': annotations,
        'categories': categories,
    }
    return told, notes


def palette(count: int) -> list[tuple[int, int, int]]:
    """RGB colours that can be told apart, the same on every call."""
    colours = []
    for i in range(count):
        r, g, b = colorsys.hsv_to_rgb(i * GOLDEN % 1, 0.75, 0.9)
        colours.append((round(r * 255), round(g * 255), round(b * 255)))
    return colours


def _fault(thing: Thing, picture: Picture, contents: Contents) -> str:
    """Why an object can't be used, or ''."""
    size = picture.width, picture.height
    error, unused, _ = bbox_fault(list(thing.box), *size)
    if error or unused:
        return error or unused
    if contents.keypoints:
        points = thing.keypoints
        if points is None:
            return 'no keypoints'
        error, _, _ = keypoints_fault(
            list(points), len(contents.keypoints), *size
        )
        return error
    if thing.mask and not thing.crowd:
        return segmentation_fault(thing.mask, *size)
    return ''


def _extent(thing: Thing) -> dict[str, Any]:
    *_, width, height = thing.box
    extent: dict[str, Any] = {
        'bbox': list(thing.box),
        'area': width * height,
        'iscrowd': int(thing.crowd),
    }
    if thing.mask:
        extent['segmentation'] = thing.mask
        if isinstance(thing.mask, list):
            extent['area'] = sum(map(_area, thing.mask))
    return extent


def _keypoints(thing: Thing) -> dict[str, Any]:
    if thing.keypoints is None:
        return {}
    seen = sum(state > 0 for state in thing.keypoints[2::3])
    return {'keypoints': list(thing.keypoints), 'num_keypoints': seen}


def _area(polygon: list[float]) -> float:
    """Area inside of x1, y1, x2, y2, ..., by the shoelace formula."""
    xs, ys = polygon[::2], polygon[1::2]
    turns = zip(xs, ys, xs[1:] + xs[:1], ys[1:] + ys[:1], strict=True)
    return abs(sum(x * v - u * y for x, y, u, v in turns)) / 2
