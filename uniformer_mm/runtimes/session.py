"""Exported files of four formats, run in the same way."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uniformer_mm.hosts import import_extra
from uniformer_mm.runtimes import nms  # noqa: F401 - detectors of torch need it
from uniformer_mm.runtimes.card import NAME, Card

__all__ = ['SUFFIXES', 'Session', 'open_session']

SUFFIXES: Mapping[str, str] = {
    'onnx': '.onnx',
    'openvino': '.xml',
    'exported-program': '.pt2',
    'torchscript': '.torchscript',
}
"""Format -> how its files end."""

Run = Callable[[Tensor], list[Tensor]]


class Session:
    """An exported file, ready to run.

    Attributes:
        path (Path): Of the file.
        format (str): A key of ``SUFFIXES``.
        card (Card): What the file says.
    """

    def __init__(
        self, path: Path, kind: str, texts: Mapping[str, str], run: Run
    ) -> None:
        self.path = path
        self.format = kind
        self.card = Card.from_texts(texts, path.name)
        self._run = run

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """Return the outputs by their names.

        Args:
            x: As the model takes it: float32, normalised, (N, C, H, W), clips
                (N, C, T, H, W).

        Raises:
            ValueError: The runtime refuses the input; the message has why.
        """
        try:
            with torch.no_grad():
                values = self._run(x.contiguous())
        except Exception as error:  # each runtime has classes of its own
            lines = str(error).strip().splitlines() or ['']
            raise ValueError(
                f'{self.path.name} does not run on an input of '
                f'{tuple(x.shape)}: {type(error).__name__} {lines[-1]}'
            ) from error
        return dict(zip(self.card.outputs, values, strict=True))


def open_session(
    path: str | os.PathLike[str], device: str | torch.device = 'cpu'
) -> Session:
    """Open what ``uniformer-mm export`` has written.

    Args:
        path: The file; of OpenVINO the one that ends in '.xml'.
        device: 'cpu'; of ONNX also 'cuda', where onnxruntime has it.

    Raises:
        FileNotFoundError: It is not there.
        ImportError: The runtime of the format is not installed.
        ValueError: It is of another format, nothing that we wrote, or can't
            be run on the device.
    """
    path = Path(path).expanduser()
    formats = {suffix: name for name, suffix in SUFFIXES.items()}
    if path.suffix not in formats:
        raise ValueError(
            f'an exported file must end in one of {list(formats)}, got '
            f'{path.name!r}'
        )
    if not path.is_file():
        raise FileNotFoundError(f'no exported file {path}')
    where = torch.device(device).type
    name = formats[path.suffix]
    if where != 'cpu' and (name, where) != ('onnx', 'cuda'):
        raise ValueError(
            f'device must be cpu for files of {name}, got {str(device)!r}'
        )
    texts, run = _OPENERS[name](path, where)
    return Session(path, name, texts, run)


def _open_onnx(path: Path, where: str) -> tuple[dict[str, str], Run]:
    runtime = import_extra('onnxruntime')
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors; warnings are of optimisations
    wanted = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}
    there = runtime.get_available_providers()
    if wanted[where] not in there:
        raise ValueError(
            f'device {where!r} needs {wanted[where]}, this onnxruntime has '
            f'{there}'
        )
    providers = list(dict.fromkeys([wanted[where], wanted['cpu']]))
    try:
        session = runtime.InferenceSession(
            str(path), options, providers=providers
        )
    except Exception as error:  # its own classes, which derive from nothing
        raise ValueError(
            f'{path.name} is no ONNX file that runs: {error}'
        ) from error
    name = session.get_inputs()[0].name

    def run(x: Tensor) -> list[Tensor]:
        values = session.run(None, {name: x.cpu().numpy()})
        return [torch.from_numpy(value) for value in values]

    texts = session.get_modelmeta().custom_metadata_map
    return {k.removeprefix(f'{NAME}.'): v for k, v in texts.items()}, run


def _open_openvino(path: Path, _: str) -> tuple[dict[str, str], Run]:
    openvino = import_extra('openvino')
    core = openvino.Core()
    try:
        model = core.read_model(path)
    except RuntimeError as error:
        raise ValueError(
            f'{path.name} is no OpenVINO file that runs: {error}'
        ) from error
    there = model.has_rt_info([NAME])
    texts: dict[str, str] = model.get_rt_info([NAME]).value if there else {}
    # OpenVINO takes bf16 by itself on CPUs that have it. What is not int8 in
    # files of int8 adds no error by it that is seen beside theirs.
    bf16 = texts.get('precision') in ('"bf16"', '"int8"')
    compiled = core.compile_model(
        model,
        'CPU',
        {
            'INFERENCE_PRECISION_HINT': 'bf16' if bf16 else 'f32',
            'INFERENCE_NUM_THREADS': torch.get_num_threads(),
        },
    )

    def run(x: Tensor) -> list[Tensor]:
        values = compiled(x.cpu().numpy())
        # The arrays are the request's own memory.
        return [
            torch.from_numpy(values[output].copy())
            for output in compiled.outputs
        ]

    return texts, run


def _open_program(path: Path, _: str) -> tuple[dict[str, str], Run]:
    files = {NAME: ''}
    try:
        program = torch.export.load(path, extra_files=files)
    except Exception as error:  # of zipfile, of json, of torch
        raise ValueError(
            f'{path.name} is no exported program that runs: {error}'
        ) from error
    return _texts(files), _listed(program.module())


def _open_script(path: Path, _: str) -> tuple[dict[str, str], Run]:
    files = {NAME: ''}
    try:
        module = torch.jit.load(  # type: ignore[no-untyped-call]
            str(path), _extra_files=files
        )
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f'{path.name} is no TorchScript file that runs: {error}'
        ) from error
    return _texts(files), _listed(module)


def _texts(files: Mapping[str, str | bytes]) -> dict[str, str]:
    found: dict[str, str] = json.loads(files[NAME] or '{}')
    return found


def _listed(module: Callable[[Tensor], Any]) -> Run:
    return lambda x: list(module(x))


_OPENERS: dict[str, Callable[[Path, str], tuple[dict[str, str], Run]]] = {
    'onnx': _open_onnx,
    'openvino': _open_openvino,
    'exported-program': _open_program,
    'torchscript': _open_script,
}
