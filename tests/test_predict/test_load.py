"""Models and configs are found, and what does not fit is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import MODELS, DefaultScope

from tests.support.host_tests import HostTest
from uniformer_mm import deploy
from uniformer_mm.configs import config_of_weights, find_config
from uniformer_mm.predict import DEFAULT_WEIGHTS, Result, load
from uniformer_mm.weights.files import write_weights
from uniformer_mm.weights.zoo import ZOO

Get = Callable[[str], HostTest]
LETTERS = {'small': 's', 'base': 'b'}


def test_the_config_follows_from_the_catalogue() -> None:
    whole = [entry for entry in ZOO.values() if entry.task != 'backbone']
    assert whole
    for entry in whole:
        path = config_of_weights(entry.name, entry.task)
        assert path.is_file()
        assert path.parent.name == entry.task
        words = re.split('[_-]', path.stem)
        letter = LETTERS.get(entry.arch, entry.arch)
        assert words[words.index('uniformer') + 1] == letter
    with pytest.raises(FileNotFoundError, match='no config of ours'):
        config_of_weights('uniformer-small_in1k', 'action')


def test_defaults_are_of_their_tasks() -> None:
    for task, name in DEFAULT_WEIGHTS.items():
        # Classifiers of ImageNet are where backbones start from.
        wanted = 'backbone' if task == 'classification' else task
        assert ZOO[name].task == wanted


def test_an_unknown_config() -> None:
    assert find_config('pose/uniformer_pose_toy').is_file()
    with pytest.raises(FileNotFoundError, match=r'near: .*uniformer_pose_toy'):
        find_config('pose/uniformer_pose_toi')


@pytest.fixture(scope='module')
def segmented(host_test: Get) -> tuple[HostTest, Result]:
    """A test of mmseg, and the result of its first picture."""
    test = host_test('segmentation')
    predictor = load('segmentation', weights=test.checkpoint, device='cpu')
    (result,) = predictor.predict(test.inputs[0])
    return test, result


@pytest.mark.parametrize(
    'kind', ['bare.pth', 'one.safetensors', 'ddp.pth', 'deployed.pth']
)
def test_files_without_meta(
    segmented: tuple[HostTest, Result], kind: str, tmp_path: Path
) -> None:
    """And with what a wrapper adds; the config is given."""
    test, expected = segmented
    state = torch.load(test.checkpoint, weights_only=True)['state_dict']
    path = tmp_path / kind
    if kind == 'bare.pth':
        torch.save(state, path)
    elif kind == 'ddp.pth':
        state = {f'module.{k}': v for k, v in state.items()}
        torch.save({'state_dict': state}, path)
    elif kind == 'deployed.pth':
        plain = load('segmentation', weights=test.checkpoint, device='cpu')
        write_weights(deploy(plain.module).state_dict(), path)
    else:
        pytest.importorskip('safetensors')
        write_weights(state, path)
    predictor = load(
        'segmentation', config=test.config, weights=path, device='cpu'
    )
    assert predictor.names == expected.names
    (got,) = predictor.predict(test.inputs[0])
    same = np.mean(got.label_map == expected.label_map)
    assert same > 0.999 if kind == 'deployed.pth' else same == 1
    with pytest.raises(ValueError, match='holds no config'):
        load('segmentation', weights=path)


def test_weights_of_another_task(host_test: Get) -> None:
    seg, pose = host_test('segmentation'), host_test('pose')
    with pytest.raises(ValueError, match="default_scope 'mmpose', got 'mmseg"):
        load('pose', weights=seg.checkpoint)
    with pytest.raises(
        ValueError, match="task 'pose' takes pose weights, got segmentor"
    ):
        load('pose', config=pose.config, weights=seg.checkpoint)


def test_weights_of_other_classes(host_test: Get) -> None:
    test = host_test('segmentation')
    config = Config.fromfile(test.config)
    config.model.decode_head.num_classes = 7
    with pytest.raises(ValueError, match=r'conv_seg.weight is \(4, .*\(7, '):
        load('segmentation', config=config, weights=test.checkpoint)


@pytest.mark.parametrize(
    ('options', 'error', 'words'),
    [
        ({'task': 'depth'}, ValueError, "unknown task 'depth'; choose one of"),
        ({'precision': 'int4'}, ValueError, "unknown precision 'int4'"),
        ({'config': 'a.py'}, ValueError, 'weights must be given with config'),
        ({'names': 'cat'}, TypeError, 'names must be a list'),
        ({'person': 'cat'}, TypeError, 'for pose, not for segmentation'),
        ({'device': 'gpu'}, ValueError, "device 'gpu' can't be used"),
        ({'weights': 'none.pth'}, FileNotFoundError, "'none.pth' is no file"),
    ],
)
def test_bad_arguments(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    pytest.importorskip('mmseg')
    with pytest.raises(error, match=words):
        load(**{'task': 'segmentation', **options})


@pytest.mark.parametrize(
    ('task', 'precision'),
    [
        ('detection', 'fp16'),
        ('detection', 'bf16'),
        ('segmentation', 'bf16'),
        ('action', 'bf16'),
    ],
)
def test_half_precision(host_test: Get, task: str, precision: str) -> None:
    test = host_test(task)
    predictor = load(
        task, weights=test.checkpoint, device='cpu', precision=precision
    )
    (result,) = predictor.predict(test.inputs[0])
    assert result.error == ''


def test_boxes_of_persons(host_test: Get) -> None:
    test = host_test('pose')
    detections = host_test('detection')
    detector = load(
        'detection',
        weights=detections.checkpoint,
        device='cpu',
        names=['person'],
    )
    pose = load(
        'pose', weights=test.checkpoint, device='cpu', detector=detector
    )
    picture = test.inputs[0]
    (found,) = detector.predict(picture, threshold=0)
    (result,) = pose.predict(picture, threshold=0)
    assert found.boxes is not None
    assert np.array_equal(result.boxes, found.boxes)
    (whole,) = pose.predict(picture, boxes='whole')
    height, width = whole.size or (0, 0)
    assert whole.boxes is not None
    assert whole.boxes.tolist() == [[0, 0, width, height]]
    (none,) = pose.predict(picture, boxes=[[]])
    assert none.keypoints is not None
    assert none.keypoints.shape == (0, 17, 3)
    (absent,) = pose.predict(picture, boxes={'b.jpg': [[1, 1, 9, 9]]})
    assert absent.error == f'there are no boxes by the name {picture.name!r}'
    pair = pose.predict(test.inputs[:2], boxes=[[[5, 5, 1, 9]]])
    assert [r.error for r in pair] == [
        f'boxes of {picture.name} must be x1, y1, x2, y2 with x1 < x2 and '
        'y1 < y2',
        'boxes must be as many as inputs, got 1',
    ]
    detector = load(
        'detection',
        weights=detections.checkpoint,
        device='cpu',
        names=['cat'],
    )
    pose = load(
        'pose', weights=test.checkpoint, device='cpu', detector=detector
    )
    with pytest.raises(ValueError, match=r"no class 'person'; .*\['cat'\]"):
        pose.predict(picture)


def test_an_official_file_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old keys, no meta, and nothing said of the config."""
    pytest.importorskip('mmpose')
    name = 'td-hm_uniformer-s_210e_coco-256x192'
    config = Config.fromfile(find_config(f'pose/{name}'))
    with DefaultScope.overwrite_default_scope('mmpose'):
        state = MODELS.build(config.model).state_dict()
    plain = tmp_path / 'plain.pth'
    torch.save(state, plain)
    old = {re.sub('^head', 'keypoint_head', k): v for k, v in state.items()}
    torch.save({'state_dict': old}, tmp_path / ZOO[name].local_name)
    monkeypatch.setenv('UNIFORMER_MM_WEIGHTS', str(tmp_path))
    picture = np.random.default_rng(0).integers(0, 255, (90, 70, 3), np.uint8)
    models = ({'weights': name}, {'weights': plain, 'config': config})
    points = []
    for model in models:
        predictor = load('pose', device='cpu', **model)
        (result,) = predictor.predict(picture, boxes='whole')
        points.append(result.keypoints)
    assert np.array_equal(*points)
    with pytest.raises(ValueError, match=f'{name} is for pose, not for actio'):
        load('action', weights=name)
