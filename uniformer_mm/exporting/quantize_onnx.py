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
    """Write ``target``, whose products are of int8; what it says stays.

    Args:
        source: An ONNX file in fp32.
        target: The file to write.
        pictures: Inputs of the model.

    Raises:
        ImportError: onnxruntime is missing.
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
        per_channel=True,
        # Of 8 x 8 bit products x86 CPUs without VNNI overflow 16 bits.
        reduce_range=True,
    )
