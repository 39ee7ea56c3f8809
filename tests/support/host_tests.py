"""A small model of each host with a checkpoint, and what its test loop says.

The pictures and clips are real ones, of different sizes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine import Config
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS, RUNNERS

from tests.support.host_weights import WIDTHS
from tests.support.models import TINY
from tests.support.recipe import CONFIGS, ROOT
from tests.support.small import stir
from tests.support.small_detection import give_classes

DATA = ROOT.parent / 'shared' / 'data'
COCO4 = DATA / 'coco4'
CLIPS = DATA / 'video'


@METRICS.register_module()
class Recorded(BaseMetric):
    """Keeps the data samples that a test loop gives, as they are."""

    samples: list[Any] = []  # noqa: RUF012

    def process(self, batch: Any, samples: Sequence[Any]) -> None:
        self.samples.extend(samples)
        self.results.extend(samples)

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        return {'seen': len(results)}


@dataclass(frozen=True)
class HostTest:
    """A tested model.

    Attributes:
        config: Path of the config.
        checkpoint: As MMEngine saves it.
        inputs: What was looked at, in order.
        samples: What the host's test loop gave for them, one by one.
    """

    config: Path
    checkpoint: Path
    inputs: list[Path]
    samples: list[dict[str, Any]]


def run_host_test(task: str, folder: Path) -> HostTest:
    """Build the model, save it, and run the host's test loop on it."""
    config, inputs = {
        'detection': detection,
        'segmentation': segmentation,
        'pose': pose,
        'action': action,
        'classification': classification,
    }[task](folder)
    config.model.backbone.arch = dict(TINY)
    config.model.backbone.init_cfg = None
    config.train_dataloader = config.train_cfg = config.optim_wrapper = None
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.param_scheduler = None
    config.custom_hooks = []
    config.default_hooks.pop('visualization', None)
    config.test_evaluator = {'type': 'mmengine.Recorded'}
    config.test_dataloader.update(
        batch_size=1, num_workers=0, persistent_workers=False
    )
    config.work_dir = str(folder)
    torch.manual_seed(0)
    runner = RUNNERS.build({'type': 'Runner', **config})
    stir(runner.model)
    Recorded.samples.clear()
    runner.test()
    path = folder / 'config.py'
    config.dump(path)
    checkpoint = folder / 'checkpoint.pth'
    torch.save(
        {
            'meta': {
                'cfg': config.pretty_text,
                'dataset_meta': runner.test_loop.dataloader.dataset.metainfo,
            },
            'state_dict': runner.model.state_dict(),
        },
        checkpoint,
    )
    samples = list(Recorded.samples)
    assert len(samples) >= len(inputs)
    return HostTest(path, checkpoint, inputs, samples)


def pictures(folder: Path) -> list[Path]:
    """Copies of real pictures, of different sizes."""
    (folder / 'data').mkdir()
    return [
        Path(shutil.copy(path, folder / 'data'))
        for path in sorted(COCO4.glob('*.jpg'))
    ]


def detection(folder: Path) -> tuple[Config, list[Path]]:
    config = Config.fromfile(CONFIGS / 'detection/uniformer_maskrcnn_toy.py')
    config.model.neck.in_channels = list(WIDTHS)
    config.model.test_cfg.rpn.max_per_img = 50
    # An untrained detector is sure of nothing.
    config.model.test_cfg.rcnn.update(max_per_img=20, score_thr=0.0)
    give_classes(config.model.roi_head, 1)
    dataset = config.test_dataloader.dataset
    dataset.update(data_root='', ann_file=str(COCO4 / 'test_coco.json'))
    dataset.data_prefix = {'img': str(COCO4)}
    dataset.metainfo = {'classes': ('person',)}
    dataset.pipeline = without_annotations(dataset.pipeline)
    return config, annotated_pictures(folder)


def without_annotations(pipeline: list[Any]) -> list[Any]:
    return [step for step in pipeline if step.type != 'LoadAnnotations']


def annotated_pictures(folder: Path) -> list[Path]:
    """The pictures in the order of the annotations."""
    told = json.loads((COCO4 / 'test_coco.json').read_text())
    names = [image['file_name'] for image in told['images']]
    return sorted(pictures(folder), key=lambda path: names.index(path.name))


def segmentation(folder: Path) -> tuple[Config, list[Path]]:
    config = Config.fromfile(CONFIGS / 'segmentation/uniformer_fpn_toy.py')
    config.model.neck.in_channels = list(WIDTHS)
    dataset = config.test_dataloader.dataset
    paths = pictures(folder)
    dataset.update(data_root=str(folder), img_suffix='.jpg')
    dataset.data_prefix = {'img_path': 'data'}  # an update would merge it in
    dataset.pipeline = without_annotations(dataset.pipeline)
    return config, paths


def pose(folder: Path) -> tuple[Config, list[Path]]:
    name = 'pose/td-hm_uniformer-s_210e_coco-256x192.py'
    config = Config.fromfile(CONFIGS / name)
    config.model.head.update(
        in_channels=WIDTHS[-1], deconv_out_channels=(16, 16, 16)
    )
    config.test_dataloader.dataset.update(
        data_root='',
        ann_file=str(COCO4 / 'test_coco.json'),
        data_prefix={'img': str(COCO4)},
        bbox_file=None,
    )
    return config, annotated_pictures(folder)


def panned(path: Path) -> Path:
    """A clip that moves over a picture, of another size than the real one."""
    picture = cv2.imread(str(COCO4 / '000000000785.jpg'))
    code = cv2.VideoWriter.fourcc(*'mp4v')
    video = cv2.VideoWriter(str(path), code, 25, (160, 96))
    for i in range(50):
        video.write(np.ascontiguousarray(picture[90:186, 5 * i : 5 * i + 160]))
    video.release()
    return path


def action(folder: Path) -> tuple[Config, list[Path]]:
    config = Config.fromfile(CONFIGS / 'action/uniformer-s_toy.py')
    config.model.cls_head.in_channels = WIDTHS[-1]
    dataset = config.test_dataloader.dataset
    dataset.pipeline[1].num_clips = 2
    # NOTE: no avi, of which decord gives another frame now and then
    # (https://github.com/dmlc/decord/issues/195).
    real = shutil.copy(CLIPS / 'arm_wrestling.mp4', folder)
    paths = [Path(real), panned(folder / 'panned.mp4')]
    listed = folder / 'clips.txt'
    listed.write_text(''.join(f'{path} 0\n' for path in paths))
    dataset.update(data_root='', ann_file=str(listed))
    dataset.data_prefix = {'video': ''}  # an update would merge it in
    return config, paths


def classification(folder: Path) -> tuple[Config, list[Path]]:
    config = Config.fromfile(CONFIGS / 'classification/uniformer-s_toy.py')
    config.model.head.in_channels = WIDTHS[-1]
    paths = pictures(folder)
    listed = folder / 'pictures.txt'
    listed.write_text(''.join(f'{path.name} 0\n' for path in paths))
    config.test_dataloader.dataset.update(
        data_root='', ann_file=str(listed), data_prefix=str(folder / 'data')
    )
    return config, paths
