from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.box_cases import (
    MMCV_BOXES,
    MMCV_SCORES,
    iou,
    random_boxes,
)
from uniformer_mm.compat.nms import softnms

ops = pytest.importorskip('mmcv.ops')

# Results of compiled mmcv, from mmcv's tests/test_ops/test_nms.py.
MMCV_SOFT_NMS = {
    'linear': ([1, 0, 2, 3], [0.9, 0.6, 0.29024392, 0.2]),
    'gaussian': ([1, 0, 2, 3], [0.9, 0.59630775, 0.35275510, 0.18650459]),
    'naive': ([1, 0, 3], [0.9, 0.6, 0.2]),
}


def greedy_soft_nms(
    boxes: Tensor,
    scores: Tensor,
    threshold: float,
    sigma: float,
    min_score: float,
    method: str,
    offset: int,
) -> tuple[list[int], list[float]]:
    """Soft-NMS one box at a time; gaps are filled from the end, as in mmcv."""
    box = boxes.tolist()
    left = [[i, s] for i, s in enumerate(scores.tolist())]
    kept = []
    while left:
        best = max(range(len(left)), key=lambda k: left[k][1])
        left[0], left[best] = left[best], left[0]
        kept.append(left.pop(0))
        k = 0
        while k < len(left):
            overlap = iou(box[kept[-1][0]], box[left[k][0]], offset)
            if method == 'gaussian' and not math.isnan(overlap):
                left[k][1] *= math.exp(-(overlap**2) / sigma)
            elif method == 'linear' and overlap >= threshold:
                left[k][1] *= 1 - overlap
            elif method == 'naive' and overlap >= threshold:
                left[k][1] = 0
            if left[k][1] >= min_score:
                k += 1
                continue
            last = left.pop()
            if k < len(left):
                left[k] = last
    return [i for i, _ in kept], [s for _, s in kept]


@pytest.mark.usefixtures('mmcv_lite')  # compiled: float32 alone
def test_batched_soft_nms_keeps_the_decayed_scores() -> None:
    boxes, scores = random_boxes(30)
    labels = torch.zeros(30, dtype=torch.int64)
    cfg = {'type': 'soft_nms', 'iou_threshold': 0.3, 'min_score': 0.05}
    dets, kept = ops.batched_nms(boxes, scores, labels, cfg)
    expected, decayed = greedy_soft_nms(
        boxes, scores, 0.3, 0.5, 0.05, 'linear', 0
    )
    assert kept.tolist() == expected
    assert dets[:, 4].tolist() == pytest.approx(decayed, rel=1e-12)


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('method', ['naive', 'linear', 'gaussian'])
@pytest.mark.parametrize('n', [0, 1, 2, 40, 200])
@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.usefixtures('mmcv_lite')
def test_soft_nms_by_definition(
    n: int, method: str, offset: int, ties: bool
) -> None:
    boxes, scores = random_boxes(n, seed=n)
    if ties:
        scores = (scores * 4).ceil() / 4
    dets, kept = ops.soft_nms(
        boxes, scores, 0.3, 0.5, 0.1, method=method, offset=offset
    )
    expected, decayed = greedy_soft_nms(
        boxes, scores, 0.3, 0.5, 0.1, method, offset
    )
    assert kept.tolist() == expected
    assert torch.equal(dets[:, :4], boxes[kept])
    assert dets[:, 4].tolist() == pytest.approx(decayed, rel=1e-12)


@pytest.mark.parametrize('method', MMCV_SOFT_NMS)
def test_soft_nms_equals_compiled_mmcv(method: str) -> None:
    expected, decayed = MMCV_SOFT_NMS[method]
    boxes = np.array(MMCV_BOXES, dtype=np.float32)
    scores = np.array(MMCV_SCORES, dtype=np.float32)
    dets, kept = ops.soft_nms(boxes, scores, 0.3, 0.5, 0.01, method)
    assert kept.tolist() == expected
    np.testing.assert_array_equal(dets[:, :4], boxes[expected])
    np.testing.assert_allclose(dets[:, 4], decayed, rtol=1e-6)


@pytest.mark.usefixtures('mmcv_lite')
@pytest.mark.parametrize('method', ['naive', 'linear', 'gaussian'])
def test_soft_nms_of_boxes_without_area_stays_finite(method: str) -> None:
    boxes = torch.full((3, 4), 7.0)
    scores = torch.tensor([0.2, 0.9, 0.4])
    dets, kept = ops.soft_nms(boxes, scores, method=method)
    assert kept.tolist() == [1, 2, 0]
    assert torch.equal(dets[:, 4], scores[kept])


@pytest.mark.usefixtures('mmcv_lite')  # compiled: float32 alone
def test_soft_nms_leaves_its_inputs_and_takes_ones_with_gradient() -> None:
    boxes, scores = random_boxes(20)
    boxes.requires_grad_()
    scores.requires_grad_()
    before = scores.detach().clone()
    dets, kept = ops.soft_nms(boxes, scores, 0.3, min_score=0)
    assert torch.equal(scores, before)
    assert (dets[:, 4] < before[kept]).any()


@pytest.mark.usefixtures('mmcv_lite')
def test_soft_nms_takes_half_types() -> None:
    boxes, scores = (t.half() for t in random_boxes(40))
    dets, kept = ops.soft_nms(boxes, scores, 0.3, min_score=0.05)
    full, kept_full = ops.soft_nms(
        boxes.float(), scores.float(), 0.3, min_score=0.05
    )
    assert dets.dtype == torch.float16
    assert torch.equal(kept, kept_full)
    assert torch.equal(dets, full.half())


def test_softnms_refuses_an_unknown_method() -> None:
    boxes, scores = random_boxes(2)
    with pytest.raises(ValueError, match=r'method must be 0 .*, got 3'):
        softnms(
            boxes,
            scores,
            torch.empty(2, 5),
            iou_threshold=0.3,
            sigma=0.5,
            min_score=0.1,
            method=3,
            offset=0,
        )
