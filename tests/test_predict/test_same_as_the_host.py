"""A result is what the host's own test loop gives for that input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support.host_tests import HostTest
from uniformer_mm.predict import Result, load

Get = Callable[[str], HostTest]
BATCHES = pytest.mark.parametrize('batch_size', [1, 3])


def predicted(
    test: HostTest, task: str, batch_size: int, **options: Any
) -> list[Result]:
    predictor = load(task, weights=test.checkpoint, device='cpu')
    results = predictor.predict(
        test.inputs, batch_size=batch_size, threshold=0, **options
    )
    assert [r.error for r in results] == [''] * len(test.inputs)
    assert [r.name for r in results] == [p.name for p in test.inputs]
    return list(results)


@BATCHES
def test_detection(host_test: Get, batch_size: int) -> None:
    test = host_test('detection')
    results = predicted(test, 'detection', batch_size)
    for result, sample in zip(results, test.samples, strict=True):
        found = sample['pred_instances']
        assert len(found['scores']) > 0
        assert result.size == sample['ori_shape']
        assert np.array_equal(result.boxes, found['bboxes'])
        assert np.array_equal(result.scores, found['scores'])
        assert np.array_equal(result.labels, found['labels'])
        assert np.array_equal(result.masks, found['masks'])


@BATCHES
def test_segmentation(host_test: Get, batch_size: int) -> None:
    test = host_test('segmentation')
    results = predicted(test, 'segmentation', batch_size)
    for result, sample in zip(results, test.samples, strict=True):
        (expected,) = sample['pred_sem_seg']['data']
        assert len(expected.unique()) > 1
        assert np.array_equal(result.label_map, expected)


@BATCHES
def test_pose(host_test: Get, batch_size: int) -> None:
    """With the annotated boxes, all of a picture at once."""
    test = host_test('pose')
    expected: dict[str, list[Any]] = {p.name: [] for p in test.inputs}
    for sample in test.samples:
        name = sample['img_path'].rpartition('/')[2]
        expected[name].append(sample['pred_instances'])
    boxes = {k: [f['bboxes'][0] for f in v] for k, v in expected.items()}
    results = predicted(test, 'pose', batch_size, boxes=boxes)
    for result in results:
        found = expected[result.name]
        points = np.concatenate([f['keypoints'] for f in found])
        scores = np.concatenate([f['keypoint_scores'] for f in found])
        assert result.keypoints is not None
        assert result.keypoints.shape == (len(found), 17, 3)
        # A crop among others is rounded otherwise than alone.
        assert np.allclose(result.keypoints[..., 2], scores, atol=1e-4)
        errors = np.abs(result.keypoints[..., :2] - points).max(-1)
        assert np.mean(errors < 0.01) > 0.95
        assert np.array_equal(result.boxes, boxes[result.name])


@BATCHES
def test_action(host_test: Get, batch_size: int) -> None:
    test = host_test('action')
    results = predicted(test, 'action', batch_size)
    for result, sample in zip(results, test.samples, strict=True):
        # The test gives the mean of logits.
        expected = sample['pred_score'].softmax(-1)
        assert result.scores is not None
        assert result.scores.sum() == pytest.approx(1)
        order = expected.argsort(descending=True)
        assert result.labels is not None
        assert result.labels.tolist() == order.tolist()
        np.testing.assert_allclose(
            result.scores, expected[order], atol=1e-5, err_msg=result.name
        )


@BATCHES
def test_classification(host_test: Get, batch_size: int) -> None:
    test = host_test('classification')
    results = predicted(test, 'classification', batch_size)
    for result, sample in zip(results, test.samples, strict=True):
        scores = sample['pred_score']
        order = scores.argsort(descending=True)
        assert result.labels is not None
        assert result.labels.tolist() == order.tolist()
        np.testing.assert_allclose(result.scores, scores[order], atol=1e-5)
        assert result.classes[0] in ('circle', 'square', 'triangle')
        assert len(result.best()[0]) == 3
