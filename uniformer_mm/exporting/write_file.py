"""From a network to the file of a format."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from uniformer_mm.exporting.graph import program_of
from uniformer_mm.exporting.quantize_onnx import quantize_onnx
from uniformer_mm.exporting.write_onnx import write_onnx
from uniformer_mm.exporting.write_openvino import write_openvino
from uniformer_mm.exporting.write_torch import write_program, write_script
from uniformer_mm.runtimes import SUFFIXES, Card

__all__ = ['target_of', 'write_file']


def target_of(path: Path, kind: str) -> Path:
    """Return the path of a file to write, if it can be one of its format.

    Raises:
        FileNotFoundError: Its folder is not there.
        ValueError: It ends otherwise, or is no plain file.
    """
    # As open() does, to where a link points, not over the link.
    path = Path(os.path.realpath(path))
    if path.suffix != SUFFIXES[kind]:
        raise ValueError(
            f'out must end in {SUFFIXES[kind]!r} for {kind}, got {path.name!r}'
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f'no folder {path.parent} for {path.name}')
    if path.exists() and not path.is_file():
        raise ValueError(f'out is no plain file, and not replaced: {path}')
    return path


def write_file(
    network: Any,
    example: Tensor,
    card: Card,
    path: Path,
    kind: str,
    pictures: Sequence[Tensor],
    dynamic: bool,
) -> None:
    """Write the file of a format.

    Args:
        network: What is exported.
        example: An input that the graph is made with.
        card: What the file is to say.
        path: The file.
        kind: Its format, a key of ``SUFFIXES``.
        pictures: Inputs that calibrate int8.
        dynamic: Whether it takes other sizes than that of ``example``.

    Raises:
        ImportError: What writes the format is missing.
        ValueError: The network can't be written in it.
    """
    if kind == 'torchscript':
        write_script(network, example, card, path)
        return
    program = program_of(network, example, dynamic=dynamic)
    if kind == 'exported-program':
        write_program(program, card, path)
        return
    if kind == 'onnx' and card.precision == 'fp32':
        write_onnx(program, card, path)
        return
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder, 'model.onnx')
        write_onnx(program, card, onnx)
        if kind == 'onnx':
            quantize_onnx(onnx, path, pictures)
        else:
            write_openvino(onnx, card, path, pictures)
