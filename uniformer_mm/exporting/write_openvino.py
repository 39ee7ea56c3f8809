"""From an ONNX file to one of OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from uniformer_mm.exporting.quantize_openvino import quantize_openvino
from uniformer_mm.hosts import import_extra
from uniformer_mm.runtimes.card import NAME, Card

__all__ = ['write_openvino']


def write_openvino(
    onnx: Path, card: Card, path: Path, pictures: Sequence[Tensor]
) -> None:
    """Write ``path`` and, beside it, the weights in a file '.bin'.

    Args:
        onnx: The ONNX file.
        card: What the file is to say.
        path: It ends in '.xml'.
        pictures: Inputs that calibrate int8.

    Raises:
        ImportError: OpenVINO, or for int8 nncf, is missing.
    """
    openvino = import_extra('openvino')
    model: Any = openvino.convert_model(onnx)
    if card.precision == 'int8':
        model = quantize_openvino(model, pictures)
    for key, value in card.to_texts().items():
        model.set_rt_info(value, [NAME, key])
    # Otherwise weights are fp16 in the file.
    openvino.save_model(model, path, compress_to_fp16=False)
