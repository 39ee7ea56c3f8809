"""A sample that fails names its files, in all hosts; others on request."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mmcv.transforms import Compose as McvCompose
from mmengine.registry import DefaultScope

from tests.support.damage import DAMAGE
from uniformer_mm.data_checks.sample import BadSampleError
from uniformer_mm.engine import DataCheckRunner
from uniformer_mm.engine.bad_samples import guard
from uniformer_mm.toy_data import CLASSES

LOAD = {'type': 'LoadImageFromFile'}


def boxes(root: Path) -> dict[str, Any]:
    return {
        'type': 'CocoDataset',
        'data_root': str(root),
        'ann_file': 'annotations/instances_train.json',
        'data_prefix': {'img': 'train/'},
        'metainfo': {'classes': CLASSES},
        'pipeline': [
            LOAD,
            {'type': 'LoadAnnotations', 'with_bbox': True},
            {'type': 'PackDetInputs'},
        ],
    }


def label_maps(root: Path) -> dict[str, Any]:
    return {
        'type': 'BaseSegDataset',
        'data_root': str(root),
        'data_prefix': {'img_path': 'train', 'seg_map_path': 'masks/train'},
        'metainfo': {'classes': ('background', *CLASSES)},
        'pipeline': [
            LOAD,
            {'type': 'LoadAnnotations'},
            {'type': 'RandomCrop', 'crop_size': (32, 32)},
            {'type': 'PackSegInputs'},
        ],
    }


def keypoints(root: Path) -> dict[str, Any]:
    from tests.support.small_pose import KEYPOINTS, Config

    return {
        'type': 'CocoDataset',
        'data_mode': 'topdown',
        'data_root': str(root),
        'ann_file': 'annotations/keypoints_val.json',
        'data_prefix': {'img': 'val/'},
        'metainfo': Config.fromfile(KEYPOINTS).dataset_info,
        'pipeline': [
            {'type': 'LoadImage'},
            {'type': 'GetBBoxCenterScale'},
            {'type': 'TopdownAffine', 'input_size': (32, 32)},
            {'type': 'PackPoseInputs'},
        ],
    }


def videos(root: Path) -> dict[str, Any]:
    return {
        'type': 'VideoDataset',
        'data_root': str(root),
        'ann_file': 'annotations/clips_motion_train.txt',
        'data_prefix': {'video': 'clips/train'},
        'pipeline': [
            {'type': 'uniformer_mm.VideoInit'},
            {
                'type': 'uniformer_mm.DenseSample',
                'clip_len': 2,
                'frame_interval': 16,
            },
            {'type': 'uniformer_mm.VideoDecode'},
            {'type': 'FormatShape', 'input_format': 'NCTHW'},
            {'type': 'PackActionInputs'},
        ],
    }


KINDS = {
    'mmdet': (boxes, 'train/000000.jpg'),
    'mmseg': (label_maps, 'train/000000.jpg'),
    'mmpose': (keypoints, 'val/000001.jpg'),
    'mmaction': (videos, 'clips/train/000000.mp4'),
}


@pytest.fixture
def root(few_shapes: Path, tmp_path: Path) -> Path:
    return shutil.copytree(few_shapes, tmp_path / 'toy')


@contextmanager
def loader(
    host: str, root: Path, settings: dict[str, Any] | None = None, **more: Any
) -> Iterator[Any]:
    """The loader as our runner builds it, in the host's scope."""
    pytest.importorskip(f'{host}.datasets')
    make, _ = KINDS[host]
    config = {
        'batch_size': 1,
        'num_workers': 0,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': {'type': 'pseudo_collate'},
        'dataset': {**make(root), **more},
        **(settings or {}),
    }
    with DefaultScope.overwrite_default_scope(host):
        yield DataCheckRunner.build_dataloader(config)


def first_sample(path: Path, dataset: Any) -> int:
    """A sample that reads ``path``."""
    return next(
        i
        for i in range(len(dataset))
        if path.name in str(dataset.get_data_info(i))
    )


@pytest.mark.parametrize('fault', ['empty', 'cut', 'text', 'missing'])
@pytest.mark.parametrize('host', KINDS)
def test_the_file_and_the_way_out_are_named(
    host: str, fault: str, root: Path
) -> None:
    path = root / KINDS[host][1]
    with loader(host, root) as built:
        index = first_sample(path, built.dataset)
        assert built.dataset[index] is not None
        DAMAGE[fault](path)
        with pytest.raises(BadSampleError) as error:
            built.dataset[index]
    assert str(path) in str(error.value)
    assert 'train_dataloader.max_bad_samples=N' in str(error.value)
    # A worker's error arrives with its message alone.
    assert str(type(error.value)(str(error.value))) == str(error.value)


@pytest.mark.parametrize(
    ('host', 'name', 'fault', 'what'),
    [
        ('mmdet', 'train/000000.jpg', 'other size', 'is 48 x 40 pixels, and'),
        ('mmseg', 'masks/train/000000.png', 'other size', 'mask is 48 x 40'),
        ('mmseg', 'train/000000.jpg', 'other size', 'its picture 48 x 40'),
        ('mmseg', 'masks/train/000000.png', 'high', 'has values [77]'),
        ('mmseg', 'masks/train/000000.png', 'colours', 'picture of colours'),
        ('mmseg', 'masks/train/000000.png', 'missing', 'is not there'),
        ('mmseg', 'masks/train/000000.png', 'empty', 'is empty (0 bytes)'),
        ('mmseg', 'masks/train/000000.png', 'text', 'is no picture'),
    ],
)
def test_what_the_hosts_pass_on_silently(
    host: str, name: str, fault: str, what: str, root: Path
) -> None:
    with loader(host, root) as built:
        DAMAGE[fault](root / name)
        with pytest.raises(BadSampleError, match=r'0{6}') as error:
            built.dataset[0]
    assert what in str(error.value)
    assert str(root / name) in str(error.value)


def test_others_take_their_place_up_to_a_limit(root: Path) -> None:
    with loader('mmdet', root, {'max_bad_samples': 1}) as built:
        DAMAGE['empty'](root / 'train/000001.jpg')
        for _ in range(3):  # the same one counts once
            names = [item['data_samples'][0].img_path for item in built]
            assert len(names) == 4
            assert not any('000001' in name for name in names)
        DAMAGE['cut'](root / 'train/000002.jpg')
        with pytest.raises(BadSampleError) as error:
            list(built)
    assert '2 bad samples, and max_bad_samples=1' in str(error.value)


def test_workers_count_together(root: Path) -> None:
    settings = {'num_workers': 2, 'max_bad_samples': 1}
    with loader('mmdet', root, settings) as built:
        for number in (1, 2):
            DAMAGE['empty'](root / f'train/00000{number}.jpg')
        built = itertools.chain(built, built)
        with pytest.raises(BadSampleError, match='2 bad samples'):
            list(built)


def test_in_test_mode_nothing_is_replaced(root: Path) -> None:
    settings = {'max_bad_samples': 1}
    with (
        pytest.raises(ValueError, match='max_bad_samples is for training'),
        loader('mmdet', root, settings, test_mode=True),
    ):
        pass
    with loader('mmdet', root, test_mode=True) as built:
        DAMAGE['empty'](root / 'train/000001.jpg')
        with pytest.raises(BadSampleError, match='000001'):
            list(built)


def test_indices_are_kept(root: Path) -> None:
    with loader('mmdet', root, {'max_bad_samples': 1}, indices=[2]) as built:
        (item,) = built
        assert '000002' in item['data_samples'][0].img_path


@pytest.mark.parametrize('allowed', [-1, 1.5, '2', True])
def test_the_limit_is_a_number(allowed: Any, root: Path) -> None:
    with (
        pytest.raises((TypeError, ValueError), match='max_bad_samples must'),
        loader('mmdet', root, {'max_bad_samples': allowed}),
    ):
        pass


def test_wrappers_and_exchanged_pipelines_are_guarded(root: Path) -> None:
    with loader('mmdet', root) as built:
        dataset = built.dataset
        # As mmdet's PipelineSwitchHook does, between epochs.
        dataset.pipeline = McvCompose(list(dataset.pipeline.transforms))
        DAMAGE['empty'](root / 'train/000001.jpg')
        with pytest.raises(BadSampleError, match='000001'):
            dataset[1]
    part = {**boxes(root), 'pipeline': [LOAD]}
    repeated = {'type': 'RepeatDataset', 'times': 2, 'dataset': part}
    with DefaultScope.overwrite_default_scope('mmdet'):
        from mmdet.registry import DATASETS

        joined = DATASETS.build(
            {'type': 'ConcatDataset', 'datasets': [part, repeated]}
        )
        guard(joined)
        for index in (1, 5, 9):
            with pytest.raises(BadSampleError, match='000001'):
                joined[index]


def test_what_is_not_of_the_sample_is_raised_as_it_is(root: Path) -> None:
    def missing_package(_: Any) -> Any:
        raise ImportError('no decord')

    pipeline = [LOAD, missing_package]
    settings = {'max_bad_samples': 4}
    with (
        loader('mmdet', root, settings, pipeline=pipeline) as built,
        pytest.raises(ImportError, match=r'^no decord$'),
    ):
        built.dataset[0]
