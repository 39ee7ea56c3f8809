"""The file of a step whose numbers went wrong: plain data, read as that."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from torch import nn

from uniformer_mm.engine.plain_batch import to_plain
from uniformer_mm.weights.reading import load_content, shown

__all__ = ['read_step', 'write_step']

FORMAT = 1
"""Of what is written here; changes with it."""

KINDS = {
    'what': str,
    'iteration': int,
    'files': list,
    'config': str,
    'left_out': list,
    'state_dict': dict,
    'random_state': dict,
}


def write_step(
    path: Path,
    *,
    what: str,
    iteration: int,
    files: list[str],
    config: Config,
    batch: Any,
    model: nn.Module,
    random_state: dict[str, Any],
) -> list[str]:
    """Write a file for ``read_step``.

    Args:
        path: The file.
        what: What was not finite.
        iteration: From 1.
        files: Of the samples.
        config: Of the training.
        batch: As the data loader gave it.
        model: Not wrapped, with its weights before the step.
        random_state: Before the step, of ``get_random_state``.

    Returns:
        list[str]: What the file lacks of the batch, as of ``to_plain``.

    Raises:
        Exception: It can't be written.
    """
    plain, left_out = to_plain(batch)
    content = {
        'format': FORMAT,
        'what': what,
        'iteration': iteration,
        'files': files,
        'config': config.pretty_text,
        'batch': plain,
        'left_out': left_out,
        'state_dict': model.state_dict(),
        'random_state': random_state,
    }
    torch.save(content, path)
    return left_out


def read_step(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what ``write_step`` wrote: its arguments, and 'left_out'.

    The batch is as it was written, for ``from_plain``; weights are in
    'state_dict', the config is its text, and nothing has been run. All text
    but that can be printed.

    Raises:
        OSError: The file can't be read.
        ValueError: It is another file.
    """
    path = Path(path)
    try:
        with path.open('rb') as file:
            content, _, _ = load_content(file, path)
        if content['format'] != FORMAT:
            raise ValueError(f'its format is {content["format"]!r:.40}')
        for key, kind in KINDS.items():
            if type(content[key]) is not kind:
                raise ValueError(f'{key} is no {kind.__name__}')
        texts = {
            key: [*map(shown, content[key])] for key in ('files', 'left_out')
        }
        return {**content, **texts, 'what': shown(content['what'])}
    except OSError:
        raise
    # What a damaged or a foreign file lacks shows in any way.
    except Exception as error:
        raise ValueError(
            f'{path} is not a file that uniformer_mm.NonFiniteHook of this '
            f'release wrote ({shown(str(error), 500)})'
        ) from error
