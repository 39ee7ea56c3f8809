"""Files that are opened, and those that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from uniformer_mm.runtimes import SUFFIXES, Card, open_session
from uniformer_mm.runtimes.nms import suppress


def test_a_card_is_read_as_it_was_written() -> None:
    card = Card('pose', ['heatmaps'], classes=['person'], mean=[1.0, 2, 3])
    assert Card.from_texts(card.to_texts(), 'x.onnx') == card


@pytest.mark.parametrize('texts', [{}, {'task': 'no json'}])
def test_other_cards_are_refused(texts: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r'x\.onnx was not written by'):
        Card.from_texts(texts, 'x.onnx')


@pytest.mark.parametrize('kind', list(SUFFIXES))
def test_a_file_that_is_none_is_refused(tmp_path: Path, kind: str) -> None:
    pytest.importorskip({'onnx': 'onnxruntime'}.get(kind, 'torch'))
    pytest.importorskip({'openvino': 'openvino'}.get(kind, 'torch'))
    path = tmp_path / f'x{SUFFIXES[kind]}'
    with pytest.raises(FileNotFoundError, match='no exported file'):
        open_session(path)
    path.write_text('nothing')
    with pytest.raises(ValueError, match=r'is no .* that runs'):
        open_session(path)
    if kind != 'onnx':
        with pytest.raises(ValueError, match='device must be cpu'):
            open_session(path, 'cuda')


def test_other_endings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"end in one of .*, got 'x.pth'"):
        open_session('x.pth')


def test_boxes_are_suppressed_in_their_set_alone() -> None:
    pytest.importorskip('torchvision')
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60]])
    scores = torch.tensor([[0.8, 0.9, 0.1], [0.9, 0.05, 0.7]])
    kept = suppress(boxes.expand(2, -1, -1), scores, 0.5, 0.2)
    assert kept.tolist() == [[False, True, False], [True, False, True]]
