"""What mmpose computes with the ``xtcocotools`` of this process.

``python -m tests.support.pose_metrics FOLDER`` prints it as JSON, with the
original; ``--ours`` puts the stand-in in its place. FOLDER takes the files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.keypoint_sets import COUNTS, PARTS, Case, make_case


class Ours:
    """Meta path finder that answers for ``xtcocotools`` before all others."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> Any:
        from uniformer_mm_autoload import ReplacementFinder

        if name.partition('.')[0] == 'xtcocotools':
            return ReplacementFinder.find_spec(name)
        return None


def compute(folder: Path) -> dict[str, Any]:
    """Return metrics, sets and masks, each by a name that tells what it is."""
    from mmpose.datasets.transforms import BottomupGetHeatmapMask
    from mmpose.evaluation import metrics

    answer: dict[str, Any] = {}
    for name, kind, options in (
        ('CocoMetric', 'keypoints', {'nms_mode': 'none'}),
        ('CocoMetric', 'keypoints', {'use_area': False}),
        ('CocoMetric', 'keypoints', {'score_mode': 'keypoint'}),
        ('CocoMetric', 'keypoints_crowd', {'use_area': False}),
        ('CocoWholeBodyMetric', 'keypoints_wholebody', {}),
        ('CocoWholeBodyMetric', 'keypoints_wholebody', {'use_area': False}),
    ):
        case = make_case(kind, options.get('use_area', True), seed=3)
        file = folder / 'annotated.json'
        file.write_text(json.dumps(case.annotated))
        if kind != 'keypoints_wholebody':
            options = {**options, 'iou_type': kind}
        for with_file in (True, False):
            metric = getattr(metrics, name)(
                str(file) if with_file else None, **options
            )
            metric.dataset_meta = {
                'sigmas': case.sigmas.astype(np.float32),
                'num_keypoints': len(case.sigmas),
                'CLASSES': case.annotated['categories'],
                'dataset_name': 'random',
            }
            for samples in _batches(case):
                metric.process({}, samples)
            title = f'{name} {kind} {options} {with_file}'
            answer[title] = metric.evaluate(len(case.detected))
    triangle = [[[5.0, 5.0, 25.0, 5.0, 15.0, 17.5]]]
    mask = BottomupGetHeatmapMask()._segs_to_mask(triangle, (20, 30))
    answer['mask'] = mask.sum(axis=1).tolist()
    answer['sets'] = _load_sets(file)
    return answer


def _batches(case: Case) -> list[list[dict[str, Any]]]:
    """Return the detections as mmpose's models give them."""
    images = {image['id']: image for image in case.annotated['images']}
    persons: dict[int, Any] = {image: [] for image in images}
    for person in case.annotated['annotations']:
        persons[person['image_id']].append({'iscrowd': 0, **person})
    batch = []
    for number, found in enumerate(case.detected):
        fields = PARTS.get(case.kind, ('keypoints',))
        points = np.concatenate(
            [np.reshape(found[field], (-1, 3)) for field in fields]
        )
        image = images[found['image_id']]
        batch.append(
            {
                'id': number,
                'img_id': image['id'],
                'category_id': found['category_id'],
                'ori_shape': (image['height'], image['width']),
                'crowd_index': image['crowdIndex'],
                'raw_ann_info': persons[image['id']],
                'gt_instances': {'bbox_scores': np.array([found['score']])},
                'pred_instances': {
                    'keypoints': points[None, :, :2],
                    'keypoint_scores': points[None, :, 2],
                },
            }
        )
        # Persons of an image are counted once.
        persons[image['id']] = []
    return [batch[:7], batch[7:]]


def _load_sets(file: Path) -> dict[str, Any]:
    from mmpose.registry import DATASETS
    from mmpose.utils import register_all_modules

    register_all_modules()
    answer = {}
    for kind in ('CocoDataset', 'CocoWholeBodyDataset', 'CrowdPoseDataset'):
        data = json.loads(file.read_text())
        if kind == 'CrowdPoseDataset':
            for person in data['annotations']:
                person['keypoints'] = person['keypoints'][: 14 * 3]
        path = file.with_name(f'{kind}.json')
        for person in data['annotations']:
            parts = [field for field in COUNTS if field != 'keypoints']
            for part in parts:
                person[part.replace('_kpts', '_valid')] = True
        path.write_text(json.dumps(data))
        loaded = DATASETS.build({'type': kind, 'ann_file': str(path)})
        answer[kind] = [
            [row['id'], row['iscrowd'], float(row['keypoints'].sum())]
            for row in map(loaded.get_data_info, range(len(loaded)))
        ]
    return answer


def main() -> None:
    """Print the answer as the last line."""
    folder, *words = sys.argv[1:]
    import torch  # noqa: F401

    if words == ['--ours']:
        sys.meta_path.insert(0, Ours)
    answer = compute(Path(folder))
    import xtcocotools.cocoeval

    answer['file'] = Path(xtcocotools.cocoeval.__file__).name
    print('\n' + json.dumps(answer, default=float))


if __name__ == '__main__':
    main()
