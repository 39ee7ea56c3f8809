from __future__ import annotations

from typing import Any

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

ops = pytest.importorskip('mmcv.ops')
torchvision_ops = pytest.importorskip('torchvision.ops')


def greedy_nms(
    boxes: Tensor, scores: Tensor, threshold: float, offset: int = 0
) -> list[int]:
    box, score = boxes.tolist(), scores.tolist()
    kept: list[int] = []
    for i in sorted(range(len(box)), key=lambda i: -score[i]):
        if not any(iou(box[i], box[k], offset) > threshold for k in kept):
            kept.append(i)
    return kept


@pytest.mark.usefixtures('mmcv_lite')  # compiled: float32 alone
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize('n', [0, 1, 50, 300])
def test_nms_is_greedy(n: int, threshold: float, offset: int) -> None:
    boxes, scores = random_boxes(n)
    dets, kept = ops.nms(boxes, scores, threshold, offset=offset)
    assert kept.dtype == torch.int64
    assert kept.tolist() == greedy_nms(boxes, scores, threshold, offset)
    expected = torch.cat([boxes[kept], scores[kept, None]], 1)
    assert torch.equal(dets, expected)


def test_nms_equals_torchvision() -> None:
    boxes, scores = (t.float() for t in random_boxes(500))
    kept = ops.nms(boxes, scores, 0.5)[1]
    assert torch.equal(kept, torchvision_ops.nms(boxes, scores, 0.5))


def test_nms_equals_compiled_mmcv() -> None:
    boxes = np.array(MMCV_BOXES, dtype=np.float32)
    scores = np.array(MMCV_SCORES, dtype=np.float32)
    dets, kept = ops.nms(boxes, scores, iou_threshold=0.3, offset=0)
    assert isinstance(dets, np.ndarray)
    assert kept.tolist() == [1, 0, 3]
    np.testing.assert_array_equal(dets[:, 4], scores[[1, 0, 3]])


@pytest.mark.usefixtures('mmcv_lite')  # compiled: float32 alone
@pytest.mark.parametrize('max_num', [-1, 5, 1000])
def test_nms_score_threshold_and_max_num(max_num: int) -> None:
    boxes, scores = random_boxes(80)
    _, kept = ops.nms(boxes, scores, 0.4, score_threshold=0.5, max_num=max_num)
    kept_of_all = greedy_nms(boxes, scores, 0.4)
    expected = [i for i in kept_of_all if scores[i] > 0.5]
    assert len(expected) > 5
    assert kept.tolist() == expected[: max_num if max_num > 0 else None]


def test_nms_keeps_a_box_whose_iou_is_the_threshold() -> None:
    boxes = torch.tensor([[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    scores = torch.tensor([0.5, 0.9])
    assert ops.nms(boxes, scores, 0.5)[1].tolist() == [1, 0]
    assert ops.nms(boxes, scores, 0.49)[1].tolist() == [1]


def test_offset_gives_a_point_an_area() -> None:
    boxes = torch.tensor([[3.0, 3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 3.0]])
    scores = torch.tensor([0.5, 0.9])
    assert ops.nms(boxes, scores, 0.5, offset=0)[1].tolist() == [1, 0]
    assert ops.nms(boxes, scores, 0.5, offset=1)[1].tolist() == [1]


def test_equal_scores_keep_the_order_of_a_plain_sort() -> None:
    corner = torch.arange(2000.0)[:, None] * 3
    boxes = torch.cat([corner, corner, corner + 2, corner + 2], 1)
    scores = (torch.arange(2000) % 3).float()
    kept = ops.nms(boxes, scores, 0.5)[1]
    assert torch.equal(kept, scores.sort(0, descending=True)[1])


def test_identical_boxes_with_equal_scores_leave_one() -> None:
    boxes = torch.tensor([[1.0, 1.0, 5.0, 5.0]]).repeat(40, 1)
    scores = torch.full((40,), 0.5)
    first = scores.sort(0, descending=True)[1][0].item()
    assert ops.nms(boxes, scores, 0.5)[1].tolist() == [first]


@pytest.mark.usefixtures('mmcv_lite')
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_nms_takes_half_types(dtype: torch.dtype) -> None:
    boxes, scores = (t.to(dtype) for t in random_boxes(60))
    order = scores.sort(0, descending=True)[1]
    dets, kept = ops.nms(boxes, scores, 0.5)
    # Rounding makes scores equal, so the reference is given the order.
    ranks = -torch.arange(60.0)
    expected = greedy_nms(boxes[order].double(), ranks, 0.5)
    assert dets.dtype == dtype
    assert kept.tolist() == order[expected].tolist()


@pytest.mark.usefixtures('mmcv_lite')  # compiled: float32 alone
@pytest.mark.parametrize('split_thr', [10000, 1])
@pytest.mark.parametrize('class_agnostic', [False, True])
def test_batched_nms(split_thr: int, class_agnostic: bool) -> None:
    boxes, scores = random_boxes(120)
    classes = torch.arange(120) % 4
    cfg: dict[str, Any] = {'type': 'nms', 'iou_threshold': 0.4}
    dets, kept = ops.batched_nms(
        boxes,
        scores,
        classes,
        {**cfg, 'split_thr': split_thr},
        class_agnostic=class_agnostic,
    )
    expected: list[int] = []
    # mmcv splits by class even if it is told to ignore classes.
    if class_agnostic and split_thr > 1:
        expected = greedy_nms(boxes, scores, 0.4)
    else:
        for label in range(4):
            own = (classes == label).nonzero()[:, 0]
            local = greedy_nms(boxes[own], scores[own], 0.4)
            expected += own[local].tolist()
        expected.sort(key=lambda i: -scores[i].item())
        per_class = torchvision_ops.batched_nms(boxes, scores, classes, 0.4)
        assert per_class.tolist() == expected
    assert kept.tolist() == expected
    assert torch.equal(dets[:, :4], boxes[kept])
    assert torch.equal(dets[:, 4], scores[kept])


def test_batched_nms_of_no_boxes_agnostic() -> None:
    dets, kept = ops.batched_nms(
        torch.zeros(0, 4),
        torch.zeros(0),
        torch.zeros(0, dtype=torch.int64),
        {'type': 'nms', 'iou_threshold': 0.5},
        class_agnostic=True,
    )
    assert dets.shape == (0, 5)
    assert kept.shape == (0,)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_nms_on_cuda_keeps_the_same_boxes() -> None:
    boxes, scores = (t.float() for t in random_boxes(300))
    kept = ops.nms(boxes.cuda(), scores.cuda(), 0.5)[1]
    assert kept.tolist() == ops.nms(boxes, scores, 0.5)[1].tolist()
