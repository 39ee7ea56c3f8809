"""Detection configs made small: the toy data, few pixels, few regions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
from mmengine import Config

from uniformer_mm.toy_data import CLASSES

SHRINK = 6  # 800 px are 128 px: as many as the toy images have
SMALL = 200  # px; what is below stays as it is
STRIDE = 32  # px
SIZES = ('scale', 'scales', 'crop_size', 'img_scale', 'size')
# Pascal VOC's names, for shapes.
VOC = dict(zip(CLASSES, ('aeroplane', 'bicycle', 'bird'), strict=True))


def shrink(config: Config, data: Path) -> None:
    """Point ``config`` at the toy data set in ``data``, and make it small."""
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
        if dataset.type == 'CocoPanopticDataset':
            load_without_panopticapi(dataset.pipeline)
        dataset.update(AS_FORMAT[dataset.type](data, ours))
    for name in ('val_evaluator', 'test_evaluator'):
        config[name] = point_metric(config[name], data)
    of_coco = config.test_evaluator.type == 'CocoMetric'
    shrink_model(config.model, len(CLASSES) if of_coco else None)


def point_metric(evaluator: Any, data: Path) -> Any:
    """Make the metric of boxes or masks read the toy annotations."""
    if isinstance(evaluator, list):  # a panoptic one comes first
        (evaluator,) = (e for e in evaluator if e.type == 'CocoMetric')
    if evaluator.type == 'LVISMetric':
        pytest.importorskip('lvis')
        # The package of that name on PyPI is of the time of this alias.
        np.float = float  # type: ignore[attr-defined]
        evaluator.ann_file = str(data / 'annotations/lvis_val.json')
    elif evaluator.type == 'CocoMetric':
        evaluator.ann_file = str(data / 'annotations/instances_val.json')
    return evaluator


def shrink_model(model: Any, classes: int | None) -> None:
    """Give it few regions or queries, and ``classes`` if the metric asks."""
    shrink_sizes(model.data_preprocessor.get('batch_augments') or ())
    if 'num_queries' in model:
        model.num_queries = 20
    if 'panoptic_head' in model:
        shrink_mask2former(model, classes)
        return
    # An untrained detector is sure of nothing.
    unsure = {'max_per_img': 20, 'score_thr': 0.0}
    if 'roi_head' not in model:
        model.test_cfg.update(unsure)
        model.bbox_head.num_classes = classes
        return
    if classes:
        give_classes(model.roi_head, classes)
    train, test = model.train_cfg, model.test_cfg
    train.rpn_proposal.max_per_img = test.rpn.max_per_img = 50
    test.rcnn.update(unsure)
    rcnns = train.rcnn if isinstance(train.rcnn, list) else [train.rcnn]
    for rcnn in rcnns:
        rcnn.sampler.num = 32


def give_classes(roi_head: Any, number: int) -> None:
    """The metric knows as many classes as the annotations."""
    boxes = roi_head.bbox_head
    for box in boxes if isinstance(boxes, list) else [boxes]:
        box.num_classes = number
    roi_head.mask_head.num_classes = number


def shrink_mask2former(model: Any, things: int) -> None:
    """Few queries and points; of stuff there is the background."""
    head = model.panoptic_head
    stuff = min(head.num_stuff_classes, 1)
    for part in (head, model.panoptic_fusion_head):
        part.update(num_things_classes=things, num_stuff_classes=stuff)
    head.loss_cls.class_weight = [1.0] * (things + stuff) + [0.1]
    head.num_queries = 20
    model.train_cfg.num_points = 100
    # All of them: the surest may all be stuff.
    model.test_cfg.max_per_image = head.num_queries * (things + stuff)


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
    if size <= SMALL:
        return size
    # Pyramids that add up their maps want multiples of the largest stride.
    small = size // SHRINK
    return small if size % STRIDE else max(small // STRIDE, 1) * STRIDE


def as_coco(data: Path, split: str) -> dict[str, Any]:
    return {
        'data_root': str(data),
        'ann_file': f'annotations/instances_{split}.json',
        'data_prefix': {'img': f'{split}/'},
        'metainfo': {'classes': CLASSES},
    }


def as_panoptic(data: Path, split: str) -> dict[str, Any]:
    """Write the classes of pixels beside the shapes; stuff comes last."""
    folder = data / 'semantic' / split
    folder.mkdir(parents=True, exist_ok=True)
    for mask in (data / 'masks' / split).glob('*.png'):
        classes = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
        # The background is 0 there, and after the shapes here.
        shifted = np.where(classes == 0, len(CLASSES), classes - 1)
        cv2.imwrite(str(folder / mask.name), shifted)
    images = {'img': f'{split}/', 'seg': f'semantic/{split}/'}
    ours = {'type': 'CocoDataset', 'data_prefix': images}
    return as_coco(data, split) | ours


def load_without_panopticapi(pipeline: Iterable[Any]) -> None:
    """Load boxes, masks and classes of pixels from files of their own."""
    parts = ('with_bbox', 'with_mask', 'with_seg')
    for step in pipeline:
        if step.type == 'LoadPanopticAnnotations':
            step.update(type='LoadAnnotations', **dict.fromkeys(parts, True))


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
    'CocoPanopticDataset': as_panoptic,
    'LVISV1Dataset': as_lvis,
    'VOCDataset': as_voc,
}
