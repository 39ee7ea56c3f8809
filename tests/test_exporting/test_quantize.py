"""What int8 files compute in int8: products by weights, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from uniformer_mm.exporting.quantize_onnx import quantize_onnx
from uniformer_mm.exporting.quantize_openvino import quantize_openvino
from uniformer_mm.exporting.write_onnx import write_onnx
from uniformer_mm.runtimes import Card


class Layers(nn.Module):
    """A convolution, a depthwise one, a linear layer, and attention."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, H * W, 8)."""
        tokens = self.depthwise(self.conv(x)).flatten(2).transpose(1, 2)
        tokens = self.linear(tokens)
        scores = tokens @ tokens.transpose(1, 2)
        return scores.softmax(-1) @ tokens


PICTURES = tuple(torch.rand(1, 3, 4, 4) for _ in range(2))


@pytest.fixture(scope='module')
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layers in fp32."""
    pytest.importorskip('onnxscript')
    path = tmp_path_factory.mktemp('full') / 'layers.onnx'
    program = torch.export.export(Layers().eval(), (PICTURES[0],))
    write_onnx(program, Card('backbone', ['tokens']), path)
    return path


def test_in_onnx(full: Path, tmp_path: Path) -> None:
    pytest.importorskip('onnxruntime')
    onnx = pytest.importorskip('onnx')
    quantize_onnx(full, tmp_path / 'int8.onnx', PICTURES)
    nodes = onnx.load(tmp_path / 'int8.onnx').graph.node
    restored = {
        name
        for node in nodes
        if node.op_type == 'DequantizeLinear'
        for name in node.output
    }
    in_int8 = [
        node.op_type
        for node in nodes
        if node.op_type in ('Conv', 'Gemm', 'MatMul')
        and restored.issuperset(node.input[:2])
    ]
    assert sorted(in_int8) == ['Conv', 'MatMul']
    assert [n.op_type for n in nodes].count('MatMul') == 3


@pytest.mark.parametrize(
    ('scale', 'expected'),
    [
        (1, ['Convolution', 'MatMul']),
        (0, ['MatMul']),  # no range is known of what sees zeros alone
    ],
)
def test_in_openvino(full: Path, scale: int, expected: list[str]) -> None:
    openvino = pytest.importorskip('openvino')
    pytest.importorskip('nncf')
    pictures = [scale * picture for picture in PICTURES]
    model = quantize_openvino(openvino.convert_model(full), pictures)
    inputs_in_int8 = [
        target.get_node().get_type_name()
        for op in model.get_ordered_ops()
        if op.get_type_name() == 'FakeQuantize'
        for target in op.output(0).get_target_inputs()
    ]
    assert sorted(inputs_in_int8) == expected
