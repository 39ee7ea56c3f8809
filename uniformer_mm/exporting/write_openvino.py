"""From an ONNX file to one of OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uniformer_mm.hosts import import_extra
from uniformer_mm.runtimes.card import NAME, Card

__all__ = ['write_openvino']


def write_openvino(onnx: Path, card: Card, path: Path) -> None:
    """Write ``path`` and, beside it, the weights in a file '.bin'.

    Args:
        onnx: The ONNX file.
        card: What the file is to say.
        path: It ends in '.xml'.

    Raises:
        ImportError: OpenVINO is missing.
    """
    openvino = import_extra('openvino')
    model: Any = openvino.convert_model(onnx)
    for key, value in card.to_texts().items():
        model.set_rt_info(value, [NAME, key])
    # Otherwise weights are fp16 in the file.
    openvino.save_model(model, path, compress_to_fp16=False)
