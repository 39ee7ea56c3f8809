from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.box_cases import iou, random_boxes

ops = pytest.importorskip('mmcv.ops')


def match_by_definition(
    boxes: list[list[float]], scores: list[float], threshold: float
) -> list[list[int]]:
    """Each box joins the first group whose best box it overlaps, or none."""
    groups: list[list[int]] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        for group in groups:
            if iou(boxes[group[0]], boxes[i], 0) >= threshold:
                group.append(i)
                break
        else:
            groups.append([i])
    return groups


@pytest.mark.parametrize('threshold', [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize('n', [0, 1, 50, 200])
def test_groups_by_definition(n: int, threshold: float) -> None:
    boxes, scores = (t.float() for t in random_boxes(n))
    dets = torch.cat([boxes, scores[:, None]], 1)
    got = ops.nms_match(dets, threshold)
    assert all(group.dtype == torch.int64 for group in got)
    expected = match_by_definition(boxes.tolist(), scores.tolist(), threshold)
    assert [group.tolist() for group in got] == expected
    arrays = ops.nms_match(dets.numpy(), threshold)
    assert all(isinstance(group, np.ndarray) for group in arrays)
    assert [group.tolist() for group in arrays] == expected


def test_the_threshold_itself_matches() -> None:
    dets = torch.tensor([[0.0, 0, 2, 2, 0.9], [0, 0, 2, 1, 0.8]])
    assert [g.tolist() for g in ops.nms_match(dets, 0.5)] == [[0, 1]]


def test_boxes_without_area_match_nothing() -> None:
    dets = torch.tensor([[1.0, 1, 1, 1, 0.9], [1, 1, 1, 1, 0.8]])
    assert [g.tolist() for g in ops.nms_match(dets, 0.0)] == [[0], [1]]
