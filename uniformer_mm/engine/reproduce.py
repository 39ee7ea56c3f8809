"""Do again the training step whose numbers went wrong."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from mmengine import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from uniformer_mm.engine.find_bad import find_bad
from uniformer_mm.engine.plain_batch import from_plain
from uniformer_mm.engine.precision import fit_to_device
from uniformer_mm.engine.random_state import set_random_state
from uniformer_mm.engine.step_file import read_step
from uniformer_mm.predict.stored_config import stored_config
from uniformer_mm.weights.reading import shown

__all__ = ['Reproduced', 'reproduce']

# What is built of the config beside the model.
ALSO = ('optim_wrapper', 'preprocess_cfg')


@dataclass(frozen=True)
class Reproduced:
    """A step that was done again.

    Attributes:
        what (str): What was not finite in the training.
        iteration (int): Of the training, from 1.
        files (list[str]): Of the samples.
        first_bad (str): What was not finite first, this time; '' if all was
            finite.
        notes (list[str]): What was different.
    """

    what: str
    iteration: int
    files: list[str]
    first_bad: str
    notes: list[str]


def reproduce(
    path: str | os.PathLike[str],
    config: str | os.PathLike[str] | None = None,
) -> Reproduced:
    """Do the step of a file again that ``NonFiniteHook`` wrote.

    Nothing in the file is run: it is read as tensors and plain data, and
    builds what the registries of its host and of this package have.

    Args:
        path: ``non_finite_iter_N_rank_R.pth`` in a work folder.
        config: That of the training, where it has parts of your own. It runs,
            as any config does. None takes the one in the file.

    Raises:
        ImportError: The host is not installed.
        OSError: The file can't be read.
        ValueError: It is another file; its config needs more than the
            registries have; or the step can't be done with what is in it.
    """
    step = read_step(path)
    if config is None:
        used = stored_config({'cfg': step['config']}, also=ALSO)
    else:
        used = Config.fromfile(config)
    if used is None:
        raise ValueError(
            f'{path} names no host to build a model of: give the config of '
            'the training by config='
        )
    notes = [f'without {name}' for name in step['left_out']]
    init_default_scope(used.get('default_scope', 'mmengine'))
    try:
        first_bad = _do_again(used, step, notes)
    except ImportError:
        raise
    # A batch or a config that lacks something can fail in any way.
    except Exception as error:
        lack = f' {"; ".join(notes)};' if notes else ''
        raise ValueError(
            f"the step of {path} can't be done again:{lack} "
            f'{shown(str(error), 500)}'
        ) from error
    return Reproduced(
        step['what'], step['iteration'], step['files'], first_bad, notes
    )


def _do_again(config: Config, step: dict[str, Any], notes: list[str]) -> str:
    # mmpose's command sets it so.
    if 'preprocess_cfg' in config:
        config.model.setdefault('data_preprocessor', config.preprocess_cfg)
    model = revert_sync_batchnorm(MODELS.build(config.model))
    model.load_state_dict(step['state_dict'])
    if torch.cuda.is_available():
        model.cuda()
    model.train()
    wrapper_config = fit_to_device(config.optim_wrapper)
    if wrapper_config is not config.optim_wrapper:
        notes.append('in float32: there is no GPU for mixed precision')
    wrapper = build_optim_wrapper(model, wrapper_config)
    set_random_state(step['random_state'])
    return find_bad(model, from_plain(step['batch']), wrapper)
