"""Pipelines and data sets of the action configs against the recipes."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine import Config
from mmengine.registry import DefaultScope

pytest.importorskip('mmaction.models')
pytest.importorskip('timm')

# Where mmaction2's tools for a data set put things: folder, list of a split,
# videos or frames of a split, name of a frame.
FRAME = 'img_{:05}.jpg'
DATA = {
    'kinetics400': ('{0}_{1}_list_videos.txt', 'videos_{1}', None),
    'kinetics600': ('{0}_{1}_list_videos.txt', 'videos_{1}', None),
    'sthv1': ('{0}_{1}_list_rawframes.txt', 'rawframes', '{:05}.jpg'),
    'sthv2': ('{0}_{1}_list_rawframes.txt', 'rawframes', FRAME),
    'ucf101': ('{0}_{1}_split_1_videos.txt', 'videos', None),
    'hmdb51': ('{0}_{1}_split_1_rawframes.txt', 'rawframes', FRAME),
}
TASK = 'action'
Row = dict[str, Any]


def loading(row: Row, **settings: Any) -> list[dict[str, Any]]:
    """The steps up to decoded frames."""
    if row['sampling'] == 'segments':
        sample = {'type': 'UniformSample', 'clip_len': row['frames']}
    else:
        sample = {
            'type': 'uniformer_mm.DenseSample',
            'clip_len': row['frames'],
            'frame_interval': row['stride'],
        }
    sample |= settings
    if DATA[row['data']][2]:
        assert row['channels'] == 'bgr'
        kinds = ('FramesDecode', 'RGBToBGR')
        return [sample, *({'type': f'uniformer_mm.{kind}'} for kind in kinds)]
    assert row['channels'] == 'rgb'
    return [
        {'type': 'uniformer_mm.VideoInit'},
        sample,
        {'type': 'uniformer_mm.VideoDecode'},
    ]


def test_train_pipeline(row: Row, config: Config) -> None:
    size = row['size']
    augmentation = [
        {
            'type': 'uniformer_mm.RandAugment',
            'policy': row['rand_augment'],
        },
        {
            'type': 'RandomResizedCrop',
            'area_range': tuple(row['area']),
            'aspect_ratio_range': tuple(row['aspect']),
        },
        {'type': 'uniformer_mm.FloatResize', 'scale': (size, size)},
        {'type': 'Flip', 'flip_ratio': row['flip']},
        {'type': 'uniformer_mm.RandomErase', 'prob': row['erase']},
        {'type': 'FormatShape', 'input_format': 'NCTHW'},
        {'type': 'PackActionInputs'},
    ]
    if not row['flip']:
        del augmentation[3]
    loader = config.train_dataloader
    *load, repeat = loader.dataset.pipeline
    assert load == loading(row)
    assert repeat == {
        'type': 'uniformer_mm.RepeatAugment',
        'num_repeats': row['num_samples'],
        'transforms': augmentation,
    }
    assert loader.collate_fn == {'type': 'repeat_pseudo_collate'}
    assert loader.sampler == {'type': 'DefaultSampler', 'shuffle': True}
    assert config.train_pipeline == loader.dataset.pipeline


def test_erasing_is_that_of_the_recipe(config: Config) -> None:
    transforms = config.train_dataloader.dataset.pipeline[-1].transforms
    (erase,) = (t for t in transforms if 'RandomErase' in t.type)
    with DefaultScope.overwrite_default_scope('mmaction'):
        from mmaction.registry import TRANSFORMS

        built = TRANSFORMS.build(erase)
    assert built.area == pytest.approx((0.02, 1 / 3))
    assert built.aspect == pytest.approx((0.3, 3.33), abs=0.01)
    assert built.mean.tolist() == config.model.data_preprocessor.mean
    assert built.std.tolist() == config.model.data_preprocessor.std


def views(row: Row, clips: int, crops: int) -> list[dict[str, Any]]:
    settings: dict[str, Any] = {'test_mode': True}
    if clips > 1:
        settings['num_clips'] = clips
    crop = 'ThreeCrop' if crops == 3 else 'CenterCrop'
    return [
        *loading(row, **settings),
        {'type': 'uniformer_mm.FloatResize', 'scale': row['size']},
        {'type': crop, 'crop_size': row['size']},
        {'type': 'FormatShape', 'input_format': 'NCTHW'},
        {'type': 'PackActionInputs'},
    ]


def test_views_of_a_test(row: Row, config: Config) -> None:
    test = config.test_dataloader.dataset.pipeline
    assert test == views(row, row['clips'], row['crops'])
    assert config.test_pipeline == test  # mmaction2's demo reads this
    # Validation: one view from the middle, always the same.
    val = config.val_dataloader.dataset.pipeline
    assert val == config.val_pipeline == views(row, 1, 1)
    for evaluator in (config.val_evaluator, config.test_evaluator):
        assert evaluator.type == 'AccMetric'


def test_data_sets(row: Row, config: Config) -> None:
    listing, folder, template = DATA[row['data']]
    kind, key = 'VideoDataset', 'video'
    if template:
        kind, key = 'RawframeDataset', 'img'
    for split, of in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        dataset = dict(config[f'{split}_dataloader'].dataset)
        dataset.pop('pipeline')
        assert dataset.pop('test_mode', False) is (split != 'train')
        assert dataset.pop('filename_tmpl', None) == template
        assert dataset == {
            'type': kind,
            'data_root': f'data/{row["data"]}/',
            'ann_file': listing.format(row['data'], of),
            'data_prefix': {key: folder.format(row['data'], of)},
        }
