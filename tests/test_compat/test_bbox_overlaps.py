from __future__ import annotations

import pytest
import torch

from tests.support.box_cases import iou, random_boxes

ops = pytest.importorskip('mmcv.ops')


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('aligned', [False, True])
@pytest.mark.parametrize('mode', ['iou', 'iof'])
def test_every_pair_by_definition(
    mode: str, aligned: bool, offset: int
) -> None:
    boxes = random_boxes(40)[0]
    first, second = boxes[:20], boxes[20:]
    got = ops.bbox_overlaps(first, second, mode, aligned, offset)
    expected = torch.zeros(20, 20, dtype=torch.float64)
    for i, a in enumerate(first.tolist()):
        area_a = (a[2] - a[0] + offset) * (a[3] - a[1] + offset)
        for j, b in enumerate(second.tolist()):
            area_b = (b[2] - b[0] + offset) * (b[3] - b[1] + offset)
            ratio = iou(a, b, offset)
            # union = (area_a + area_b) / (1 + ratio)
            union = (area_a + area_b) / (1 + ratio)
            expected[i, j] = ratio if mode == 'iou' else ratio * union / area_a
    if aligned:
        expected = expected.diagonal()
    torch.testing.assert_close(got, expected)


def test_equals_compiled_mmcv() -> None:
    # Values of the docstring of mmcv's function.
    first = torch.tensor(
        [[0.0, 0, 10, 10], [10, 10, 20, 20], [32, 32, 38, 42]]
    )
    second = torch.tensor(
        [[0.0, 0, 10, 20], [0, 10, 10, 19], [10, 10, 20, 20]]
    )
    got = ops.bbox_overlaps(first, second)
    assert got.tolist() == [[0.5, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_two_boxes_without_area_have_nan() -> None:
    box = torch.tensor([[3.0, 3, 3, 3]])
    assert ops.bbox_overlaps(box, box).isnan().all()
    assert ops.bbox_overlaps(box, box, offset=1).item() == 1


@pytest.mark.usefixtures('mmcv_lite')
def test_an_unknown_mode_is_refused() -> None:
    from mmcv import _ext

    box, ious = torch.zeros(1, 4), torch.zeros(1, 1)
    with pytest.raises(ValueError, match=r'mode must be 0 .* got 2'):
        _ext.bbox_overlaps(box, box, ious, mode=2, aligned=False, offset=0)
