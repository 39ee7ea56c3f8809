"""An ONNX file in int8, calibrated with pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from uniformer_mm.exporting.write_onnx import INPUT
from uniformer_mm.hosts import import_extra

__all__ = ['quantize_onnx']

KINDS = ('Conv', 'Gemm', 'MatMul')  # where the time is spent


def quantize_onnx(
    source: Path, target: Path, pictures: Sequence[Tensor]
) -> None:
    """Write ``target``, whose products by weights are of int8.

    Depthwise convolutions and attention stay in fp32: in int8 they are most of
    the error and save no time.

    Args:
        source: An ONNX file in fp32.
        target: The file to write.
        pictures: Inputs of the model.

    Raises:
        ImportError: onnx or onnxruntime is missing.
    """
    tools = import_extra('onnxruntime.quantization')
    base: Any = tools.CalibrationDataReader

    class Reader(base):
        def __init__(self) -> None:
            self.left: Iterator[Tensor] = iter(pictures)

        def get_next(self) -> dict[str, Any] | None:
            picture = next(self.left, None)
            return None if picture is None else {INPUT: picture.numpy()}

    tools.quantize_static(
        source,
        target,
        Reader(),
        op_types_to_quantize=list(KINDS),
        nodes_to_exclude=_left_in_fp32(source),
        per_channel=True,
        # x86 multiplies unsigned by signed.
        activation_type=tools.QuantType.QUInt8,
        # Of 8 x 8 bit products x86 CPUs without VNNI overflow 16 bits.
        reduce_range=True,
    )


def _left_in_fp32(source: Path) -> list[str]:
    """Name the products of two activations, and the grouped convolutions."""
    onnx = import_extra('onnx')
    graph: Any = onnx.load(source, load_external_data=False).graph
    weights = {weight.name for weight in graph.initializer}
    return [
        node.name
        for node in graph.node
        if node.op_type in KINDS
        and (
            weights.isdisjoint(node.input)
            or any(a.name == 'group' and a.i > 1 for a in node.attribute)
        )
    ]
