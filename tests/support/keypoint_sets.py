"""Random persons and detections of them, with what makes evaluation hard.

Made from Python's own generator, so that every Python and NumPy gets the same
ones. There are crowds, persons without keypoints or area, ids of 0, images
without persons or detections, more detections than count, equal scores, and
detections that score 0 everywhere.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

COUNTS = {
    'keypoints': 17,
    'foot_kpts': 6,
    'face_kpts': 68,
    'lefthand_kpts': 21,
    'righthand_kpts': 21,
}
"""Field of an annotation -> keypoints in it."""

PARTS = {
    'keypoints_body': ('keypoints',),
    'keypoints_foot': ('foot_kpts',),
    'keypoints_face': ('face_kpts',),
    'keypoints_lefthand': ('lefthand_kpts',),
    'keypoints_righthand': ('righthand_kpts',),
    'keypoints_wholebody': tuple(COUNTS),
}
KINDS = ('keypoints', 'keypoints_crowd', *PARTS, 'bbox', 'segm')
WIDTH, HEIGHT = 400, 300

Dicts = list[dict[str, Any]]


@dataclass
class Case:
    """One evaluation: a set, detections for it, and how to compare them."""

    kind: str
    use_area: bool
    annotated: dict[str, Any]
    detected: Dicts

    @property
    def sigmas(self) -> np.ndarray[Any, Any]:
        fields = PARTS.get(self.kind, ('keypoints',))
        count = sum(COUNTS[field] for field in fields)
        return np.array([(3 + i % 8) / 100 for i in range(count)])


def make_case(
    kind: str, use_area: bool = True, seed: int = 0, images: int = 8
) -> Case:
    """Make an annotated set and detections for it."""
    draw = random.Random(f'{kind} {use_area} {seed}').random
    annotated: dict[str, Any] = {
        'info': {},
        'images': [
            {
                'id': 3 * i,
                'width': WIDTH,
                'height': HEIGHT,
                'file_name': f'{i}.jpg',
                'crowdIndex': draw(),
            }
            for i in range(images)
        ],
        'categories': [
            {'id': 1, 'name': 'person', 'keypoints': [], 'skeleton': []},
            {'id': 2, 'name': 'dog', 'keypoints': [], 'skeleton': []},
        ],
        'annotations': [],
    }
    detected: Dicts = []
    for image in annotated['images']:
        persons = 0 if draw() < 0.1 else int(draw() ** 2 * 30)
        for _ in range(persons):
            person = _person(image['id'], draw)
            person['id'] = len(annotated['annotations'])
            if not use_area and draw() < 0.5:
                del person['area']
            annotated['annotations'].append(person)
            for _ in range(int(draw() * 4)):
                detected.append(_detection(person, draw))
        for _ in range(int(draw() * 3)):
            stranger = _person(image['id'], draw)
            detected.append(_detection(stranger, draw))
    if 'keypoints' in kind and seed % 2:  # as mmpose writes most results
        for found in detected:
            del found['bbox'], found['segmentation']
    return Case(kind, use_area, annotated, detected)


def _person(image: int, draw: Callable[[], float]) -> dict[str, Any]:
    width, height = 5 + 150 * draw() ** 2, 5 + 250 * draw() ** 2
    left, top = draw() * (WIDTH - width), draw() * (HEIGHT - height)
    person: dict[str, Any] = {
        'image_id': image,
        'category_id': 1 + (draw() < 0.2),
        'bbox': [left, top, width, height],
        'area': width * height * (0.3 + 0.4 * draw()),
        'segmentation': _triangle(left, top, width, height),
    }
    if draw() < 0.8:
        person['iscrowd'] = int(draw() < 0.15)
    if draw() < 0.2:
        person['ignore'] = 1
    for field, count in COUNTS.items():
        share = 0 if draw() < 0.25 else draw()
        places = []
        for _ in range(count):
            seen = draw() < share
            place = [int(left + width * draw()), top + height * draw()]
            places += [*place, 1 + (draw() < 0.7)] if seen else [0, 0, 0]
        person[field] = places
    sights = person['keypoints'][2::3]
    person['num_keypoints'] = sights.count(2)
    return person


def _triangle(
    left: float, top: float, width: float, height: float
) -> list[list[float]]:
    right, bottom = left + width, top + height
    return [[left, top, right, top, (left + right) / 2, bottom]]


def _detection(
    person: dict[str, Any], draw: Callable[[], float]
) -> dict[str, Any]:
    noise = 40 * draw() ** 4
    left, top, width, height = person['bbox']
    box = [max(1, side + noise * (draw() - 0.5)) for side in person['bbox']]
    found: dict[str, Any] = {
        'image_id': person['image_id'],
        'category_id': person['category_id'],
        'bbox': box,
        'segmentation': _triangle(*box),
        'score': int(draw() * 10) / 10,
    }
    for field, count in COUNTS.items():
        is_blank = draw() < 0.1
        places = []
        for i in range(count):
            x, y, seen = person[field][3 * i : 3 * i + 3]
            if not seen:
                x, y = left + width * draw(), top + height * draw()
            places += [
                x + noise * (draw() - 0.5),
                y + noise * (draw() - 0.5),
                0 if is_blank else draw(),
            ]
        found[field] = places
        if draw() < 0.5:
            name = field.replace('_kpts', '').replace('keypoints', 'wholebody')
            found[f'{name}_score'] = draw()
    return found


def evaluate(coco: Any, evaluator: Any, case: Case, folder: Path) -> Any:
    """Run an evaluation with these ``COCO`` and ``COCOeval``, on files."""
    annotated, detected = folder / 'annotated.json', folder / 'detected.json'
    annotated.write_text(json.dumps(case.annotated))
    detected.write_text(json.dumps(case.detected))
    truth = coco(str(annotated))
    found = truth.loadRes(str(detected))
    run = evaluator(truth, found, case.kind, case.sigmas, case.use_area)
    run.evaluate()
    run.accumulate()
    return run
