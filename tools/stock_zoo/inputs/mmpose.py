"""Small inputs for mmpose, through the config's own pipelines.

Only the step that reads the picture is left out, and those that want other
packages or the whole data set. What the codec makes of keypoints is thus what
the model is trained on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mmengine import Config
from mmengine.dataset import Compose, pseudo_collate
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, TRANSFORMS

from tools.stock_zoo.inputs import Batches, NoInputError, dicts, short

SIZE = (320, 240)  # px, height and width
PEOPLE = 2  # in a picture of a bottom-up model
LEFT_OUT = ('Albumentation', 'LoadImage', 'Mosaic', 'YOLOXMixUp')


def make(config: Config, _: Path) -> Batches:
    """Make inputs for the config."""
    train = config.train_dataloader.dataset
    if 'Lift' in short(config.model.type):
        raise NoInputError('its input is keypoints, not pixels')
    metainfo = _metainfo(train)
    people = 1
    if config.get('data_mode') == 'bottomup':
        people = PEOPLE
        _halve(config)
    batches: list[Any] = []
    for dataset, number in (
        (train, 2),
        (config.test_dataloader.dataset, 1),
    ):
        if not dataset.pipeline:  # mmpose can test the model, not train it
            batches.append(None)
            continue
        steps = Compose(
            [
                TRANSFORMS.build(step)
                for step in dataset.pipeline
                if short(step['type']) not in LEFT_OUT
            ]
        )
        pictures = [_picture(metainfo, people) for _ in range(number)]
        if dataset.type == 'InterHand3DDataset':
            pictures = [picture | _hands(metainfo) for picture in pictures]
        samples = [steps(picture) for picture in pictures]
        batches.append(pseudo_collate(samples))
    return Batches(*batches)


def _halve(config: Config) -> None:
    """Halve the sizes of whole pictures and of their heatmaps."""
    parts = {id(part): part for part in dicts([*config.values()])}
    for part in parts.values():
        for key in ('heatmap_size', 'input_size'):
            if isinstance(part.get(key), (list, tuple)):
                part[key] = tuple(side // 2 for side in part[key])


def _metainfo(dataset: Any) -> Any:
    """What a data set says of its keypoints."""
    info = dataset.get('metainfo')
    if info is None and 'datasets' in dataset:
        return _metainfo(dataset.datasets[0])
    if dataset.type == 'DeepFashionDataset':  # its class knows when it is made
        name = f'deepfashion_{dataset.subset}.py'
        info = {'from_file': f'configs/_base_/datasets/{name}'}
    return parse_pose_metainfo(info or DATASETS.get(dataset.type).METAINFO)


def _picture(metainfo: Any, people: int) -> dict[str, Any]:
    """A picture of noise, with people in it, as a data set lists it."""
    rng = np.random.default_rng(0)
    height, width = SIZE
    number = metainfo['num_keypoints']
    box = (0.1 * width, 0.1 * height, 0.9 * width, 0.9 * height)
    places = rng.uniform(0.2, 0.8, (people, number, 2)) * [width, height]
    return {
        'img': rng.integers(256, size=(*SIZE, 3), dtype=np.uint8),
        'img_shape': SIZE,
        'ori_shape': SIZE,
        'img_path': 'noise.png',
        'img_id': 0,
        'id': 0,
        'category_id': np.ones(people, int),
        'bbox': np.array([box] * people, np.float32),
        'bbox_score': np.ones(people, np.float32),
        'keypoints': places.astype(np.float32),
        'keypoints_visible': np.ones((people, number), np.float32),
        'num_keypoints': np.full(people, number),
        'area': np.full(people, 0.5 * height * width, np.float32),
        'iscrowd': np.zeros(people, int),
        'head_size': np.full((people, 1), 20, np.float32),
        'invalid_segs': [],
        'raw_ann_info': {},
        **{
            key: metainfo[key]
            for key in (
                'dataset_keypoint_weights',
                'dataset_name',
                'flip_indices',
                'flip_pairs',
                'lower_body_ids',
                'skeleton_links',
                'upper_body_ids',
            )
        },
    }


def _hands(metainfo: Any) -> dict[str, Any]:
    """What is known of two hands in space, beside the picture."""
    rng = np.random.default_rng(0)
    shape = (1, metainfo['num_keypoints'], 3)
    return {
        'keypoints': rng.uniform(50, 150, shape).astype(np.float32),
        'keypoints_cam': rng.uniform(-1, 1, shape).astype(np.float32),
        'rotation': 0,
        'hand_type': np.ones((1, 2), np.float32),
        'hand_type_valid': np.ones(1, np.float32),
        'rel_root_depth': 0.0,
        'rel_root_valid': 1.0,
        'abs_depth': [1.0, 1.0],
        'focal': np.array([1000.0, 1000.0], np.float32),
        'principal_pt': np.array([120.0, 160.0], np.float32),
    }
