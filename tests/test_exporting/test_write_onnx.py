"""Operations that torch's exporter to ONNX has no form of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from uniformer_mm.exporting.graph import program_of
from uniformer_mm.exporting.write_onnx import write_onnx
from uniformer_mm.runtimes import Card, open_session
from uniformer_mm.runtimes.nms import suppress

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')
pytest.importorskip('torchvision')


class Both(nn.Module):
    """(N, L, 5): boxes and scores, sorted and suppressed."""

    outputs = ('places', 'kept')
    dynamic = (1,)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        _, places = x[..., 4].sort(dim=1, descending=True, stable=True)
        return places, suppress(x[..., :4], x[..., 4], 0.5, 0.1)

    @staticmethod
    def reference(model: Both, x: Tensor) -> tuple[Tensor, ...]:
        return model(x)


def boxes(n: int, length: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(n, length, 2, generator=generator) * 20
    sides = 5 + torch.rand(n, length, 2, generator=generator) * 10
    # Some are equal, and keep their order.
    scores = torch.rand(n, length, 1, generator=generator).round(decimals=1)
    return torch.cat([corners, corners + sides, scores], -1)


def test_sorting_and_suppressing(tmp_path: Path) -> None:
    model = Both().eval()
    program = program_of(model, boxes(2, 70), dynamic=True)
    path = tmp_path / 'both.onnx'
    write_onnx(program, Card('backbone', list(model.outputs)), path)
    session = open_session(path)
    for n, length in ((1, 40), (3, 90)):
        x = boxes(n, length)
        got = session(x)
        for name, value in zip(model.outputs, model(x), strict=True):
            assert torch.equal(got[name], value)
        assert 0 < got['kept'].sum() < n * length
