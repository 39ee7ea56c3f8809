"""``export``: a model in a file that runs elsewhere, and the proof of it."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine import Config

from uniformer_mm.checks import (
    check_bool,
    check_choice,
    check_int,
    check_ints,
    check_number,
)
from uniformer_mm.configs import find_config
from uniformer_mm.deployed import deploy
from uniformer_mm.exporting.compare import compare
from uniformer_mm.exporting.detector import DetectorNetwork
from uniformer_mm.exporting.graph import EXAMPLE_SIDE, MIN_SIDE
from uniformer_mm.exporting.inputs import (
    example_of,
    noise_like,
    pictures_of,
)
from uniformer_mm.exporting.latency import measure
from uniformer_mm.exporting.make_card import make_card
from uniformer_mm.exporting.networks import (
    BackboneNetwork,
    ClassifierNetwork,
    EstimatorNetwork,
    RecognizerNetwork,
    SegmentorNetwork,
)
from uniformer_mm.exporting.open_sizes import open_sizes
from uniformer_mm.exporting.parity import LIMITS, ParityError, Report
from uniformer_mm.exporting.write_file import target_of, write_file
from uniformer_mm.hosts import host_of
from uniformer_mm.models import UniFormer, UniFormerLight
from uniformer_mm.predict.exported import is_exported
from uniformer_mm.predict.loading import load
from uniformer_mm.runtimes import SUFFIXES, open_session

__all__ = ['PRECISIONS', 'ParityError', 'export']

PRECISIONS = {
    'fp32': tuple(SUFFIXES),
    'bf16': ('openvino',),
    'int8': ('onnx', 'openvino'),
}
"""Precision -> formats that can have it."""

NETWORKS: dict[str, Any] = {
    'backbone': BackboneNetwork,
    'detection': DetectorNetwork,
    'segmentation': SegmentorNetwork,
    'pose': EstimatorNetwork,
    'action': RecognizerNetwork,
    'classification': ClassifierNetwork,
}
COMPARED = 4  # pictures in the report

PathLike = str | os.PathLike[str]


def export(
    config: PathLike | Config,
    weights: PathLike,
    *,
    format: str = 'onnx',  # noqa: A002 (what the command calls it)
    out: PathLike | None = None,
    backbone: bool = False,
    size: Sequence[int] | None = None,
    fixed_size: bool = False,
    precision: str = 'fp32',
    pictures: Any = None,
    names: Sequence[str] | None = None,
    tolerance: float | None = None,
    ema: bool | None = None,
    progress: bool = True,
) -> Report:
    """Write a model into a file that runs without OpenMMLab.

    The file is compared with the host's own model in its runtime, on several
    sizes and batches. Beside it the report is written, ``OUT.report.json``.

    Args:
        config (str | PathLike | Config): A path, a name of ``uniformer-mm
            config``, or a ``Config``; what is exported follows from it.
        weights (str | PathLike): As in ``load``.
        format (str): 'onnx', 'openvino', 'exported-program' or 'torchscript'.
            Defaults to 'onnx'.
        out (str | PathLike | None): The file, with the format's ending; one
            that is there is replaced. Defaults to None: named after the
            weights, in the working folder.
        backbone (bool): Export the backbone alone. Defaults to False.
        size (Sequence[int] | None): Height and width that the graph is made
            with, >= 32 px. Defaults to None: those that the test pipeline
            gives a picture of 480 x 640.
        fixed_size (bool): The file takes that size alone; batches stay free.
            Defaults to False. Pose always has one size, that of its codec.
        precision (str): 'fp32'; of OpenVINO 'bf16', which CPUs without it
            compute in fp32; of ONNX and OpenVINO 'int8', which needs
            ``pictures``. Defaults to 'fp32'.
        pictures (Any): Inputs as ``predict`` takes them: the first 100
            calibrate int8, the first four are compared too. Defaults to None.
        names (Sequence[str] | None): As in ``load``. Defaults to None.
        tolerance (float | None): The largest error over the largest value
            that is let pass, of bf16 and int8 their root mean squares.
            Defaults to None: 1e-4, of bf16 0.1, of int8 0.3.
        ema (bool | None): As in ``load``. Defaults to None.
        progress (bool): Show a bar while downloading. Defaults to True.

    Returns:
        Report: Errors and latency.

    Raises:
        FileNotFoundError, OSError: The config, the weights or the pictures
            are not there, or the file can't be written.
        ImportError: The host, or what writes or runs the format, is missing.
        ParityError: The file differs from the model, or nothing could be
            compared. It is then kept as ``OUT.failed``; what was at ``out``
            stays.
        TypeError: An argument is of the wrong type.
        ValueError: An argument breaks its rule, or the model has parts that
            can't be exported; the message names them.
    """
    check_choice('format', format, list(SUFFIXES))
    check_choice('precision', precision, list(PRECISIONS))
    check_bool('backbone', backbone)
    check_bool('fixed_size', fixed_size)
    if format not in PRECISIONS[precision]:
        raise ValueError(
            f'precision {precision!r} is for {list(PRECISIONS[precision])}, '
            f'not for {format!r}'
        )
    if precision == 'int8' and pictures is None:
        raise ValueError('precision int8 needs pictures to calibrate it with')
    if tolerance is not None:
        check_number('tolerance', tolerance, 0)
    if size is not None:
        _check_size(size)
    if is_exported(weights):
        raise ValueError(
            f'weights must be of a model to export, {weights} is exported'
        )
    target = None if out is None else target_of(Path(out).expanduser(), format)

    if isinstance(config, Config):
        config = copy.deepcopy(config)
    else:
        config = Config.fromfile(find_config(config))
    predictor = load(
        host_of(config).folder,
        config=config,
        weights=weights,
        device='cpu',
        names=names,
        ema=ema,
        progress=progress,
    )
    if target is None:
        stem = predictor.host.weights.stem
        target = Path(stem + SUFFIXES[format])
    model = predictor.module
    task = 'backbone' if backbone else predictor.task
    kind = NETWORKS[task]
    network = kind(_prepared(model))
    example = example_of(
        predictor,
        network,
        size,
        dynamic=not fixed_size,
        least=EXAMPLE_SIDE if format == 'exported-program' else MIN_SIDE,
    )
    fixed = tuple(example.shape[-2:]) if fixed_size else None
    seen = pictures_of(predictor, pictures, fixed)
    card = make_card(
        predictor.host,
        predictor.legend,
        task=task,
        outputs=network.outputs,
        precision=precision,
    )
    limit = LIMITS[precision]
    report = Report(
        target.name,
        card.task,
        format,
        precision,
        limit.error if tolerance is None else tolerance,
        limit.agreement,
    )
    with tempfile.TemporaryDirectory(
        prefix='.uniformer_mm-', dir=target.parent
    ) as folder:
        # Two files of OpenVINO find each other by their names.
        path = Path(folder, target.name)
        write_file(network, example, card, path, format, seen, not fixed_size)
        session = open_session(path)
        noise = noise_like(example, network, dynamic=not fixed_size)
        cases = list(compare(kind, model, session, noise, pictures=False))
        few = seen[:COMPARED]
        cases += compare(kind, model, session, few, pictures=True)
        report = replace(
            report,
            cases=cases,
            latency=measure(
                lambda x: kind.reference(model, x), session, example[:1]
            ),
        )
        failed = '.failed' if report.failures else ''
        for file in Path(folder).iterdir():
            os.replace(file, target.with_name(file.name + failed))
    report.save(target.with_name(f'{target.name}{failed}.report.json'))
    if report.failures:
        raise ParityError(report, target.with_name(target.name + failed))
    return report


def _prepared(model: Any) -> Any:
    """Return a copy of a host's model in the form that exports best."""
    model = copy.deepcopy(model)
    open_sizes(model)
    backbone: Any = getattr(model, 'backbone', None)
    ours = isinstance(backbone, (UniFormer, UniFormerLight))
    return deploy(model) if ours and not backbone.deployed else model


def _check_size(size: Sequence[int]) -> None:
    check_ints('size', size, 'a height and a width, ints')
    if len(size) != 2:
        raise ValueError(f'size must be a height and a width, got {size}')
    for side in size:
        check_int('size', side, MIN_SIDE)
