"""Weights of whole models, backbone, neck and heads: finding and loading."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from uniformer_mm.deployed import deploy
from uniformer_mm.models.form import MARK
from uniformer_mm.weights.catalogued import entry_of, known_head_dim
from uniformer_mm.weights.convert import convert
from uniformer_mm.weights.fetch import fetch
from uniformer_mm.weights.files import WeightFile, read_weights
from uniformer_mm.weights.fitting import differences
from uniformer_mm.weights.messages import tell
from uniformer_mm.weights.reading import listed
from uniformer_mm.weights.zoo import ZooEntry

__all__ = ['ModelFile', 'find_model', 'load_model']

CONSTANTS = 'data_preprocessor.'  # made from the config, never from a file


@dataclass(frozen=True)
class ModelFile:
    """A weight file of a whole model, of whatever backbone and heads.

    Attributes:
        file (WeightFile): What was read.
        entry (ZooEntry | None): What the catalogue knows of it.
    """

    file: WeightFile
    entry: ZooEntry | None

    @property
    def head_dim(self) -> int | None:
        """Channels per head it was trained with, if that is known."""
        return known_head_dim(self.file, self.entry)


def find_model(
    source: str | os.PathLike[str],
    *,
    ema: bool | None = None,
    progress: bool = True,
) -> ModelFile:
    """Fetch and read the weights of a model.

    Args:
        source: A name of the catalogue, a path, a URL, or
            'hf-hub:OWNER/NAME' for the Hugging Face hub.
        ema: As in ``read_weights``.
        progress: Show a bar on stderr while downloading.

    Raises:
        FileNotFoundError, OSError: The file is not there or can't be fetched.
        ValueError: It is no weight file, or not the catalogued one.
    """
    name = os.path.expanduser(os.fspath(source))
    path = fetch(name, progress=progress)
    return ModelFile(read_weights(path, ema=ema), entry_of(name, path))


def load_model(model: nn.Module, found: ModelFile, task: str) -> None:
    """Load all weights of a host's model, strictly.

    A file whose keys are the model's is loaded as it is, another one after
    ``convert`` has given it today's names.

    Args:
        model: As the host builds it, in eval mode; it is changed in place,
            and deployed if the weights are those of a deployed backbone.
        found: What ``find_model`` returned.
        task: 'detection', 'segmentation', 'pose' or 'action'.

    Raises:
        ValueError: The file is of another task or does not fit the model;
            keys and shapes are listed.
    """
    name = found.file.path.name
    state = found.file.state
    if f'backbone.{MARK}' in state:
        deploy(model)
    own = model.state_dict()
    state = {
        key: value
        for key, value in state.items()
        if key in own or not key.startswith(CONSTANTS)
    }
    if set(state) != set(own):
        state = _converted(found, task, own)
    wrong = differences(state, own, 'model')
    if wrong:
        raise ValueError(
            f'{name} does not fit the model of the config: {listed(wrong)}; '
            'give the config that it was trained with'
        )
    _check_head_dim(found, model)
    model.load_state_dict(state)


def _converted(
    found: ModelFile, task: str, own: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the weights under today's names.

    Raises:
        ValueError: It is no UniFormer of this task, nor like ``own``.
    """
    file = found.file
    try:
        state, report = convert(file.state, task)
    except ValueError as error:
        missing = [key for key in own if key not in file.state]
        unknown = [key for key in file.state if key not in own]
        raise ValueError(
            f'{file.path.name} does not fit the model of the config: it has '
            f'no {listed(missing) or "key less"} and, beyond the model, '
            f'{listed(unknown) or "nothing"}; and it is no official file for '
            f'{task}: {error}'
        ) from error
    tell(f'{file.path.name} ({file.origin}): {report.summary()}')
    if found.head_dim is None:
        tell(
            f"{file.path.name} is not in the catalogue, and head_dim can't "
            'be seen in weights: check that the config has the one it was '
            'trained with',
            logging.WARNING,
        )
    return state


def _check_head_dim(found: ModelFile, model: Any) -> None:
    """Raise where the backbone has another ``head_dim`` than is known."""
    spec = getattr(getattr(model, 'backbone', None), 'spec', None)
    head_dim = getattr(spec, 'head_dim', None)
    if None not in (head_dim, found.head_dim) and head_dim != found.head_dim:
        raise ValueError(
            f'{found.file.path.name} was trained with head_dim='
            f'{found.head_dim}, the backbone of the config has {head_dim=}: '
            'it would load and be wrong'
        )
