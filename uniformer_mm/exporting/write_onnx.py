"""From a graph of torch to an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from uniformer_mm.hosts import import_extra
from uniformer_mm.runtimes.card import NAME, Card

__all__ = ['INPUT', 'write_onnx']

OPSET = 18
"""RoIAlign as torchvision has it is there from 16 on; 18 is what torch writes
by itself, so that nothing is converted."""

INPUT = 'input'


def write_onnx(program: ExportedProgram, card: Card, path: Path) -> None:
    """Write an ONNX file.

    Raises:
        ImportError: onnx or onnxscript is missing.
        ValueError: An operation has no form in ONNX.
    """
    import_extra('onnx')
    import_extra('onnxscript')
    try:
        written: Any = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=card.outputs,
            custom_translation_table=_own_forms(),
            verbose=False,
        )
    except Exception as error:  # the exporter's own classes
        # Its message is a page of advice; the reason is what it came from.
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise ValueError(
            f"torch.onnx can't write this model: {reason}"
        ) from error
    for key, value in card.to_texts().items():
        written.model.metadata_props[f'{NAME}.{key}'] = value
    written.save(path)


def _own_forms() -> dict[Any, Any]:
    """ONNX forms of operations that the exporter has none of."""
    import onnxscript

    # Its types know no tensor that a graph will have.
    op: Any = onnxscript.opset18

    def sort(
        x: Any,
        stable: bool | None = None,  # noqa: ARG001 (TopK always is)
        dim: int = -1,
        descending: bool = False,
    ) -> Any:
        size = op.Gather(op.Shape(x), op.Constant(value_ints=[dim]))
        return op.TopK(x, size, axis=dim, largest=int(descending), sorted=1)

    def suppress(
        boxes: Any, scores: Any, max_overlap: float, min_score: float
    ) -> Any:
        one = op.Constant(value_ints=[1])
        chosen = op.NonMaxSuppression(
            boxes,
            op.Unsqueeze(scores, one),  # (B, L) -> (B, classes, L)
            op.Gather(op.Shape(scores), one),
            op.Constant(value_floats=[max_overlap]),
            op.Constant(value_floats=[min_score]),
        )
        # (K, 3): set, class, box -> (K, 2)
        places = op.Gather(chosen, op.Constant(value_ints=[0, 2]), axis=1)
        nothing = op.ConstantOfShape(op.Shape(scores))
        ones = op.Expand(
            op.Constant(value_floats=[1.0]),
            op.Gather(op.Shape(places), op.Constant(value_ints=[0])),
        )
        return op.Greater(
            op.ScatterND(nothing, places, ones),
            op.Constant(value_float=0.5),
        )

    return {
        torch.ops.aten.sort.stable: sort,
        torch.ops.uniformer_mm.suppress.default: suppress,
    }
