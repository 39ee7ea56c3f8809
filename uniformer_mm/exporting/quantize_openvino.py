"""A model of OpenVINO in int8, calibrated with pictures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from uniformer_mm.hosts import import_extra

__all__ = ['quantize_openvino']

NO_RANGE = 0.01  # NNCF makes 0 or 0.0016 of zeros


def quantize_openvino(model: Any, pictures: Sequence[Tensor]) -> Any:
    """Return ``model`` with products by weights in int8.

    Everything else stays in fp32. NOTE: a graph with depthwise convolutions
    in int8 gives, at another size than the one before, the result of the one
    before, and raises nothing.

    Args:
        model: An ``openvino.Model`` in fp32.
        pictures: Inputs of the model.

    Raises:
        ImportError: nncf is missing.
    """
    nncf = import_extra('nncf')
    nncf.set_log_level(logging.ERROR)

    def quantize(others: list[str]) -> Any:
        return nncf.quantize(
            model.clone(),
            nncf.Dataset([picture.numpy() for picture in pictures]),
            subset_size=len(pictures),
            model_type=nncf.ModelType.TRANSFORMER,
            # Some are constants, of which it knows none.
            ignored_scope=nncf.IgnoredScope(names=others, validate=False),
        )

    others = [
        op.get_friendly_name()
        for op in model.get_ordered_ops()
        if not _multiplies_by_weights(op)
    ]
    quantized = quantize(others)
    # As of the masks of regions: in int8 these would give a constant.
    missed = _without_range(quantized)
    return quantize(others + missed) if missed else quantized


def _multiplies_by_weights(op: Any) -> bool:
    sources = (put.get_source_output().get_node() for put in op.inputs())
    return op.get_type_name() == 'Convolution' or (
        op.get_type_name() == 'MatMul'
        and any(node.get_type_name() == 'Constant' for node in sources)
    )


def _without_range(model: Any) -> list[str]:
    """Name the layers for whose inputs calibration has seen zeros alone."""
    found = []
    for op in model.get_ordered_ops():
        if op.get_type_name() != 'FakeQuantize':
            continue
        low, high = (op.input_value(i).get_node().get_data() for i in (1, 2))
        if (high - low).max() < NO_RANGE:
            found += [
                put.get_node().get_friendly_name()
                for put in op.output(0).get_target_inputs()
            ]
    return found
