"""From an ONNX file to one of OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

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
        pictures: Inputs that int8 is calibrated with.

    Raises:
        ImportError: OpenVINO, or for int8 NNCF, is missing.
    """
    openvino = import_extra('openvino')
    model: Any = openvino.convert_model(onnx)
    if card.precision == 'int8':
        nncf = import_extra('nncf')
        data = nncf.Dataset([x.numpy() for x in _of_one_size(pictures)])
        model = nncf.quantize(
            model,
            data,
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(pictures),
        )
    for key, value in card.to_texts().items():
        model.set_rt_info(value, [NAME, key])
    # Otherwise weights are fp16 in the file.
    openvino.save_model(model, path, compress_to_fp16=False)


def _of_one_size(pictures: Sequence[Tensor]) -> list[Tensor]:
    """Resize all to the first: NNCF keeps statistics of single places."""
    size = pictures[0].shape[2:]
    return [
        picture if picture.shape[2:] == size else F.interpolate(picture, size)
        for picture in pictures
    ]
