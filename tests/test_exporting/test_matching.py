"""Boxes of two lists, paired whatever their order."""

from __future__ import annotations

import torch
from torch import Tensor

from uniformer_mm.exporting.matching import matched


def found(boxes: list[list[float]], labels: list[int]) -> dict[str, Tensor]:
    """One picture, padded to four boxes."""
    missing = 4 - len(labels)
    return {
        'boxes': torch.tensor([[*boxes, *[[0.0] * 4] * missing]]),
        'labels': torch.tensor([[*labels, *[-1] * missing]]),
        'scores': torch.linspace(0.9, 0.1, 4)[None],
    }


A, B, C = [0.0, 0, 10, 10], [20.0, 20, 40, 30], [5.0, 0, 15, 10]


def test_order_does_not_matter() -> None:
    expected, got = matched(found([A, B], [0, 1]), found([B, A], [1, 0]))
    assert torch.equal(expected['boxes'], torch.tensor([A, B]))
    assert torch.equal(got['boxes'], expected['boxes'])
    assert torch.equal(got['labels'], expected['labels'])
    assert not torch.equal(got['scores'], expected['scores'])


def test_pairs_neither_other_labels_nor_other_places() -> None:
    assert not len(matched(found([A], [0]), found([A], [1]))[0]['boxes'])
    assert not len(matched(found([A], [0]), found([C], [0]))[0]['boxes'])
    assert not len(matched(found([], []), found([A], [0]))[0]['boxes'])


def test_pairs_each_box_once() -> None:
    expected, _ = matched(found([A, A], [0, 0]), found([A], [0]))
    assert len(expected['boxes']) == 1
