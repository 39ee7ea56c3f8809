"""Do again the training step whose numbers went wrong."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from mmengine import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from uniformer_mm.engine.find_bad import find_bad
from uniformer_mm.engine.random_state import set_random_state

__all__ = ['Reproduced', 'reproduce']


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


def reproduce(path: str | os.PathLike[str]) -> Reproduced:
    """Do the step of a file again that ``NonFiniteHook`` wrote.

    NOTE: the file runs: it holds a config and the host's own data structures.
    It must be of a training of yours.

    Args:
        path: ``non_finite_iter_N_rank_R.pth`` in a work folder.

    Raises:
        OSError: The file can't be read.
        ValueError: It is another file.
    """
    try:
        content = torch.load(  # nosec B614
            path, map_location='cpu', weights_only=False
        )
        config = Config.fromstring(content['config'], '.py')
        state, what = content['state_dict'], content['what']
    except OSError:
        raise
    except Exception as error:
        raise ValueError(
            f'{path} is not a file that uniformer_mm.NonFiniteHook wrote '
            f'({error})'
        ) from error
    init_default_scope(config.get('default_scope', 'mmengine'))
    notes = []
    # mmpose's command sets it so.
    if 'preprocess_cfg' in config:
        config.model.setdefault('data_preprocessor', config.preprocess_cfg)
    model = revert_sync_batchnorm(MODELS.build(config.model))
    model.load_state_dict(state)
    if torch.cuda.is_available():
        model.cuda()
    elif config.optim_wrapper.get('type') == 'AmpOptimWrapper':
        notes.append('in float32: there is no GPU for mixed precision')
        config.optim_wrapper.type = 'OptimWrapper'
        for name in ('dtype', 'loss_scale'):
            config.optim_wrapper.pop(name, None)
    model.train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    set_random_state(content['random_state'])
    first_bad = find_bad(model, content['batch'], wrapper)
    return Reproduced(
        what, content['iteration'], content['files'], first_bad, notes
    )
