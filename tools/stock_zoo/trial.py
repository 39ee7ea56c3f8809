"""One config with one backbone: built, trained for a step, asked once."""

from __future__ import annotations

import math
import os
import re
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from mmengine import Config
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper

from tools.stock_zoo.inputs import NoInputError, dicts, short
from tools.stock_zoo.results import Case
from uniformer_mm.swap import TiedBackboneError, make_swap
from uniformer_mm.swap.stock import path_of
from uniformer_mm.undeclared import missing_in

__all__ = ['UNTRAINED', 'Outcome', 'run']

LONGEST = 200  # characters of a cause
UNTRAINED = 'predicts alone, as its config names no steps of training'
# Arguments of models that name files of weights.
FILES = (
    'clip_pretrained',
    'pretrained',
    'teacher_ckpt',
    'teacher_pretrained',
)


class Outcome(NamedTuple):
    """What came of one side of a case: see ``Row``."""

    status: str
    cause: str = ''


def run(case: Case, ours: bool) -> Outcome:
    """Try a case, in a process that is for it alone: much of it is global."""
    torch.manual_seed(0)
    note = ''
    try:
        if ours:
            config, note = _swapped(case.name)
        else:
            config = Config.fromfile(path_of(case.name))
    except TiedBackboneError as error:
        return Outcome('tied', str(error))
    except Exception as error:
        status = 'refused' if type(error) is ValueError and ours else 'failed'
        return explained(error, status)
    with TemporaryDirectory() as folder:
        os.chdir(folder)  # some models write files
        # Some configs name others as in a checkout of their host.
        root = path_of(case.name).parents[case.config.count('/')]
        Path('configs').symlink_to(root)
        try:
            left = _use(config, case.host, Path(folder), ours)
        except Exception as error:
            return explained(error, 'failed')
    return Outcome('ok', '; '.join(filter(None, (note, left))))


def _swapped(name: str) -> tuple[Config, str]:
    """With the usual arch, or else one whose channels double; and why."""
    try:
        return make_swap(name, init_cfg=None).config, ''
    except TiedBackboneError:
        raise
    except ValueError as error:
        try:
            config = make_swap(name, arch='xs', init_cfg=None).config
        except ValueError:
            raise error from None
        return config, f"with arch='xs', as {one_line(error)}"


def explained(error: BaseException, status: str) -> Outcome:
    """What an error means: that something is missing, or else ``status``."""
    if isinstance(error, NoInputError):
        return Outcome('skipped', str(error))
    package = missing_in(error)
    if package:
        return Outcome('lacks', package.name)
    return Outcome(status, one_line(error))


def one_line(error: BaseException) -> str:
    """Type and beginning of an error, without folders of this machine."""
    text = ' '.join(f'{type(error).__name__}: {error}'.split())
    text = re.sub(r'(/[^\s/:\'"]+)+/(site-packages|\.mim)/', '', text)
    return text if len(text) <= LONGEST else f'{text[: LONGEST - 3]}...'


def _use(config: Config, host: str, folder: Path, ours: bool) -> str:
    """Build, train, predict; raise what goes wrong, say what is left out."""
    import_module(f'{host}.utils').register_all_modules()
    inputs = import_module(f'tools.stock_zoo.inputs.{host}')
    batches = inputs.make(config, folder)
    _prepare(config)
    models = import_module(f'{host}.registry').MODELS
    model = revert_sync_batchnorm(models.build(config.model))
    for module in model.modules():  # those of configs that a config names
        if 'checkpoint' in (getattr(module, 'init_cfg', None) or ()):
            module.init_cfg = None
    model.init_weights()
    hub = MessageHub.get_instance('stock_zoo')
    for key, value in (('epoch', 0), ('iter', 0), ('max_epochs', 1)):
        hub.update_info(key, value)
    weights = [
        weight
        for module in model.modules()
        if type(module).__module__.startswith('uniformer_mm.')
        for weight in module.parameters()
    ]
    if batches.train is not None:
        before = [weight.detach().clone() for weight in weights]
        _train(model, config, batches)
        pairs = zip(before, weights, strict=True)
        if ours and all(torch.equal(a, b) for a, b in pairs):
            raise RuntimeError('the step changed no weight of our backbone')
    model.eval()
    with torch.no_grad():
        out = model.test_step(batches.test)
    if not out:
        raise RuntimeError(f'the prediction is {out!r}')
    return UNTRAINED if batches.train is None else ''


def _prepare(config: Config) -> None:
    """No files to load, and what a step on a CPU can do."""
    for part in dicts(config.model):
        for key in FILES:
            if part.get(key):
                part[key] = False if part[key] is True else None
        weights = part.get('init_cfg')
        if isinstance(weights, dict) and 'checkpoint' in weights:
            part['init_cfg'] = None
        # It wants a process group when it is built.
        if part.get('type') == 'MMSyncBN':
            part['type'] = 'SyncBN'
        # Norms with the statistics of no training blow up.
        if part.get('norm_eval'):
            part['norm_eval'] = False
    # What is for testing alone says nothing of an optimizer.
    plain = {'optimizer': {'type': 'SGD', 'lr': 0.01}}
    wrapper = config.setdefault('optim_wrapper', plain)
    if short(wrapper.get('type', 'OptimWrapper')) == 'AmpOptimWrapper':
        wrapper['type'] = 'OptimWrapper'
        for key in ('dtype', 'loss_scale', 'use_fp16'):
            wrapper.pop(key, None)
    wrapper.pop('accumulative_counts', None)


def _train(model: Any, config: Config, batches: Any) -> None:
    model.train()
    optimizer = build_optim_wrapper(model, config.optim_wrapper)
    data = model.data_preprocessor(batches.train, True)
    part = model.get_submodule(batches.trains)
    with optimizer.optim_context(model):
        losses = part(**data, mode='loss')
    loss, _ = model.parse_losses(losses)
    if not math.isfinite(loss.item()):
        raise RuntimeError(f'the loss is {loss.item()}')
    optimizer.update_params(loss)
