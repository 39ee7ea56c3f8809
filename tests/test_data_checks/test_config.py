"""A config as a whole: heads against data, of the hosts' own classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmengine.registry import DefaultScope

from tests.support.annotations import coco, write_coco
from tests.support.recipe import CONFIGS, load_config
from uniformer_mm.data_checks import Finding, check_config
from uniformer_mm.data_checks.data_set import check_data_set
from uniformer_mm.toy_data import CLASSES

TOYS = {
    'detection': ('mmdet', 'uniformer_maskrcnn_toy'),
    'segmentation': ('mmseg', 'uniformer_upernet_toy'),
    'pose': ('mmpose', 'uniformer_pose_toy'),
    'action': ('mmaction', 'uniformer-s_toy'),
}


def toy(task: str, root: Path) -> Any:
    host, name = TOYS[task]
    pytest.importorskip(f'{host}.datasets')
    config = load_config(task, name)
    for split in ('train', 'val', 'test'):
        config[f'{split}_dataloader'].dataset.data_root = str(root)
    if task == 'pose':  # not each of a few training images has a triangle
        config.train_dataloader.dataset.update(
            ann_file='annotations/keypoints_val.json',
            data_prefix={'img': 'val/'},
        )
    return config


def findings(config: Any) -> list[Finding]:
    with DefaultScope.overwrite_default_scope(config.default_scope):
        return check_config(config)


@pytest.mark.parametrize('task', TOYS)
def test_our_toys_are_sound(task: str, few_shapes: Path) -> None:
    found = findings(toy(task, few_shapes))
    # A handful of pictures need not have all classes.
    assert [f for f in found if f.severity == 'error'] == []


@pytest.mark.slow
def test_no_config_of_ours_contradicts_itself() -> None:
    """Heads fit the classes, also those that only the hosts name."""
    for path in sorted(CONFIGS.glob('*/*.py')):
        task = path.parent.name
        if task in TOYS:
            pytest.importorskip(f'{TOYS[task][0]}.datasets')
            assert findings(load_config(task, path.stem)) == [], path


@pytest.mark.parametrize(
    ('task', 'change', 'what'),
    [
        (
            'detection',
            {'model.roi_head.bbox_head.num_classes': 2},
            'bbox_head.num_classes is 2, and train_dataloader.dataset has 3',
        ),
        (
            'detection',
            {'model.roi_head.mask_head.num_classes': 80},
            'mask_head.num_classes is 80',
        ),
        (
            'segmentation',
            {'model.decode_head.num_classes': 5},
            'decode_head.num_classes is 5',
        ),
        (
            'segmentation',
            {'model.auxiliary_head.num_classes': 3},
            'auxiliary_head.num_classes is 3',
        ),
        (
            'pose',
            {'model.head.out_channels': 17},
            'head.out_channels is 17, and train_dataloader.dataset has 4 keyp',
        ),
        (
            'action',
            {'model.cls_head.num_classes': 3},
            'a label is 3 or above, and the model has 3 classes',
        ),
        (
            'action',
            {
                'model.data_preprocessor.blending': {
                    'type': 'uniformer_mm.MixupCutmix',
                    'num_classes': 7,
                    '_delete_': True,
                }
            },
            'blending.num_classes is 7, and model.cls_head.num_classes is 4',
        ),
        (
            'action',
            {'train_dataloader.dataset.ann_file': 'empty.txt'},
            'the list is empty',
        ),
        (
            'detection',
            {'val_dataloader.dataset.metainfo': {'classes': CLASSES[::-1]}},
            'in the order of the file',
        ),
    ],
)
def test_model_and_data_are_compared(
    task: str, change: dict[str, Any], what: str, few_shapes: Path
) -> None:
    config = toy(task, few_shapes)
    (few_shapes / 'empty.txt').touch()
    config.merge_from_dict(change)
    told = [str(f) for f in findings(config) if f.severity == 'error']
    assert what in '\n'.join(told)


def test_masks_are_asked_for_where_a_step_loads_them(
    few_shapes: Path, tmp_path: Path
) -> None:
    content = coco()
    for one in content['annotations']:
        del one['segmentation']
    path = write_coco(tmp_path / 'a.json', content)
    config = toy('detection', few_shapes)
    data = config.train_dataloader.dataset
    data.update(ann_file=str(path), metainfo={'classes': ('cat', 'dog')})
    what = 'an object has a box and no mask'
    assert what in '\n'.join(map(str, findings(config)))
    for step in data.pipeline:
        step.pop('with_mask', None)
    assert what not in '\n'.join(map(str, findings(config)))


def test_views_of_masks_are_refused_at_once(few_shapes: Path) -> None:
    config = toy('detection', few_shapes)
    model = config.model
    config.model = {'type': 'DetTTAModel', 'module': model}
    assert 'merges boxes alone' in '\n'.join(map(str, findings(config)))
    model.roi_head.mask_head = None
    assert 'merges boxes' not in '\n'.join(map(str, findings(config)))


def test_pictures_of_objects365_lie_elsewhere_than_listed(
    tmp_path: Path,
) -> None:
    """Else its files are as COCO's."""
    pytest.importorskip('mmdet.datasets')
    content = coco()
    for image in content['images']:
        image['file_name'] = f'images/v1/patch8/{image["file_name"]}'
    dataset = {
        'type': 'Objects365V2Dataset',
        'ann_file': str(write_coco(tmp_path / 'a.json', content)),
        'data_prefix': {'img': str(tmp_path)},
        'metainfo': {'classes': ('cat', 'dog')},
    }
    with DefaultScope.overwrite_default_scope('mmdet'):
        assert check_data_set(dataset) == []
        (finding,) = check_data_set(
            dataset | {'metainfo': {'classes': ('dog', 'cat')}}
        )
        assert 'in the order of the file' in str(finding)
        (missing, *_) = check_data_set(dataset | {'type': 'CocoDataset'})
        assert 'a picture is not in' in str(missing)
