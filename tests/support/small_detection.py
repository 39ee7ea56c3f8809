"""Detection configs made small: the toy data, few pixels, few regions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from mmengine import Config

from uniformer_mm.toy_data import CLASSES

SHRINK = 6  # 800 px are 133 px: a little more than the toy images have
SMALL = 200  # px; what is below stays as it is
SIZES = ('scale', 'scales', 'crop_size')
# Pascal VOC's names, for shapes.
VOC = dict(zip(CLASSES, ('aeroplane', 'bicycle', 'bird'), strict=True))


def shrink(config: Config, data: Path) -> None:
    """Point ``config`` at the toy data set in ``data``, and make it small."""
    if config.val_evaluator.type == 'LVISMetric':
        pytest.importorskip('lvis')
        # The package of that name on PyPI is of the time of this alias.
        np.float = float  # type: ignore[attr-defined]
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.batch_size = 2
        dataset = loader.dataset
        while 'dataset' in dataset:  # repeated, or balanced
            dataset = dataset.dataset
        if dataset.type == 'ConcatDataset':
            loader.dataset = dataset = dataset.datasets[0]
        shrink_sizes(dataset.pipeline)
        ours = 'train' if split == 'train' else 'val'
        dataset.update(AS_FORMAT[dataset.type](data, ours))
    for evaluator in (config.val_evaluator, config.test_evaluator):
        if evaluator.type == 'LVISMetric':
            evaluator.ann_file = str(data / 'annotations/lvis_val.json')
        elif evaluator.type == 'CocoMetric':
            evaluator.ann_file = str(data / 'annotations/instances_val.json')
            give_classes(config.model.roi_head, len(CLASSES))
    train, test = config.model.train_cfg, config.model.test_cfg
    train.rpn_proposal.max_per_img = test.rpn.max_per_img = 50
    # An untrained detector is sure of nothing.
    test.rcnn.update(max_per_img=20, score_thr=0.0)
    rcnns = train.rcnn if isinstance(train.rcnn, list) else [train.rcnn]
    for rcnn in rcnns:
        rcnn.sampler.num = 32


def give_classes(roi_head: Any, number: int) -> None:
    """The metric knows as many classes as the annotations."""
    boxes = roi_head.bbox_head
    for box in boxes if isinstance(boxes, list) else [boxes]:
        box.num_classes = number
    roi_head.mask_head.num_classes = number


def shrink_sizes(pipeline: Iterable[Any]) -> None:
    """Divide all sizes in pixels by ``SHRINK``, in nested steps too."""
    for step in pipeline:
        if isinstance(step, list):
            shrink_sizes(step)
            continue
        shrink_sizes(step.get('transforms', ()))
        for name in SIZES:
            if name in step:
                step[name] = divided(step[name])


def divided(size: Any) -> Any:
    """Sizes divided, in tuples and lists of them too."""
    if isinstance(size, (tuple, list)):
        return type(size)(divided(part) for part in size)
    return size // SHRINK if size > SMALL else size


def as_coco(data: Path, split: str) -> dict[str, Any]:
    return {
        'data_root': str(data),
        'ann_file': f'annotations/instances_{split}.json',
        'data_prefix': {'img': f'{split}/'},
        'metainfo': {'classes': CLASSES},
    }


def as_lvis(data: Path, split: str) -> dict[str, Any]:
    """Write the annotations as LVIS has them: 1203 classes, image URLs."""
    source = data / f'annotations/instances_{split}.json'
    content = json.loads(source.read_text())
    for image in content['images']:
        name = f'{split}/{image["file_name"]}'
        image['coco_url'] = f'http://images.cocodataset.org/{name}'
        image['neg_category_ids'] = image['not_exhaustive_category_ids'] = []
    content['categories'] = [
        {'id': i + 1, 'name': f'class {i}', 'frequency': 'f'}
        for i in range(1203)
    ]
    target = data / f'annotations/lvis_{split}.json'
    target.write_text(json.dumps(content))
    return {
        'data_root': str(data),
        'ann_file': f'annotations/lvis_{split}.json',
    }


def as_voc(data: Path, split: str) -> dict[str, Any]:
    """Write the boxes as VOC has them, one XML file per image."""
    root = data / 'VOC2007'
    (root / 'Annotations').mkdir(parents=True, exist_ok=True)
    (root / 'ImageSets').mkdir(exist_ok=True)
    source = data / f'annotations/instances_{split}.json'
    content = json.loads(source.read_text())
    names = {c['id']: VOC[c['name']] for c in content['categories']}
    stems = []
    for image in content['images']:
        xml = ET.Element('annotation')
        size = ET.SubElement(xml, 'size')
        for side in ('width', 'height'):
            ET.SubElement(size, side).text = str(image[side])
        for annotation in content['annotations']:
            if annotation['image_id'] != image['id']:
                continue
            shape = ET.SubElement(xml, 'object')
            ET.SubElement(shape, 'difficult').text = '0'
            name = names[annotation['category_id']]
            ET.SubElement(shape, 'name').text = name
            box = ET.SubElement(shape, 'bndbox')
            x, y, w, h = annotation['bbox']
            corners = {'xmin': x, 'ymin': y, 'xmax': x + w, 'ymax': y + h}
            for corner, value in corners.items():
                ET.SubElement(box, corner).text = str(int(value) + 1)
        stem = f'{split}_{Path(image["file_name"]).stem}'
        ET.ElementTree(xml).write(root / f'Annotations/{stem}.xml')
        (root / 'JPEGImages').mkdir(exist_ok=True)
        picture = (data / split / image['file_name']).read_bytes()
        (root / f'JPEGImages/{stem}.jpg').write_bytes(picture)
        stems.append(stem)
    (root / f'ImageSets/{split}.txt').write_text('\n'.join(stems))
    return {
        'data_root': str(data),
        'ann_file': f'VOC2007/ImageSets/{split}.txt',
    }


AS_FORMAT = {
    'CocoDataset': as_coco,
    'LVISV1Dataset': as_lvis,
    'VOCDataset': as_voc,
}
