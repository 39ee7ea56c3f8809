"""From which checkpoint a training goes on: the newest that is whole.

MMEngine goes where ``last_checkpoint`` points, and begins anew over what is
there if that file is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.model import is_model_wrapper
from torch import nn

from uniformer_mm.engine.checkpoint_files import (
    LAST,
    Shapes,
    age,
    resumable_seed,
    unreadable,
    write_last_checkpoint,
)
from uniformer_mm.engine.seeded_loader import SeededLoader

__all__ = ['place_loader', 'prepare_resume', 'require_own_optimizer']

REMOTE = re.compile(r'[A-Za-z][A-Za-z0-9+.-]+:')  # a scheme, not a drive
CHOICES = (
    'Name another file (--resume FILE), take weights alone from one '
    '(--cfg-options load_from=FILE, without --resume), or begin anew in '
    'another folder (--work-dir DIR)'
)


@dataclass
class Choice:
    """Where to go on.

    Attributes:
        path (str | None): The checkpoint; None to begin at the start.
        seed (int | None): Its seed.
        words (list[str]): What the user should know.
        error (str): Why there is no way on; '' if there is one.
    """

    path: str | None = None
    seed: int | None = None
    words: list[str] = field(default_factory=list)
    error: str = ''


def prepare_resume(runner: Any) -> None:
    """Make ``runner`` resume from a checkpoint that is whole and its own.

    To be called before data loaders are built: the seed of the checkpoint
    becomes the runner's, as samplers keep the one that they are built with.
    All of a file is read once for it.

    Args:
        runner: A ``Runner``, or one of its like with a model built later,
            which is then not compared.

    Raises:
        ValueError: There are checkpoints, and none to go on from.
    """
    resume, path = runner._resume, runner._load_from
    if isinstance(resume, str):  # as the command of most hosts has it
        path = path if resume == 'auto' else resume
    choice = Choice(path)
    if is_main_process() and not (path and REMOTE.match(str(path))):
        shapes = _shapes(runner)
        if not resume:
            choice.error = unreadable(path) if path else ''
        elif path is None:
            choice = _newest(Path(runner.work_dir), shapes, _hook(runner))
        else:
            choice = _named(Path(path), shapes)
    answer = [choice]
    broadcast_object_list(answer)
    (choice,) = answer
    for word in choice.words:
        runner.logger.warning(word)
    if choice.error:
        raise ValueError(choice.error)
    runner._resume, runner._load_from = bool(resume), choice.path
    known = runner._randomness_cfg.get('seed')
    if choice.seed is not None and choice.seed != known:
        if known is not None:
            runner.logger.warning(
                f'randomness.seed is {known}, but the training that is '
                f'resumed had {choice.seed}, which is taken'
            )
        runner._randomness_cfg.update(seed=choice.seed)
        # A flexible runner has its strategy do it.
        owner = (
            runner if hasattr(runner, 'set_randomness') else runner.strategy
        )
        name = 'set_randomness' if owner is runner else '_set_randomness'
        getattr(owner, name)(**runner._randomness_cfg)


def place_loader(loop: Any) -> None:
    """Tell the loader of a resumed training loop where it is.

    An epoch-based loop begins an epoch; what is trained of it is left out. An
    iteration-based one asks for all batches from the start on, and throws
    them away: it is given nothing in their place, which takes no time.
    """
    loader = loop.dataloader
    if not isinstance(loader, SeededLoader):
        return
    if hasattr(loop, 'dataloader_iterator'):
        loader.resume(loop.iter, loop.iter, answer=True)
        return
    trained = loop.iter - loop.epoch * len(loader)
    # Else the epochs had another length: other data, or more processes.
    skip = trained if 0 <= trained <= len(loader) else 0
    loader.resume(loop.iter, skip, answer=False)


def require_own_optimizer(runner: Any) -> None:
    """Refuse the state of an optimizer of another class, once it is loaded.

    torch takes it, and fails at the first step for want of its own settings.

    Raises:
        ValueError: The optimizer has not all of its settings.
    """
    wrapper = getattr(runner, 'optim_wrapper', None)
    optimizer: Any = getattr(wrapper, 'optimizer', None)
    if not type(optimizer).__module__.startswith('torch.optim.'):
        return
    missing = {
        key
        for group in optimizer.param_groups
        for key in optimizer.defaults
        if key not in group
    }
    if missing:
        raise ValueError(
            f"can't resume: the config has {type(optimizer).__name__}, and "
            'the checkpoint is of a training with another optimizer: it has '
            f'no {sorted(missing)}\n{CHOICES}.'
        )


def _newest(folder: Path, shapes: Shapes | None, hook: Any) -> Choice:
    """Choose where ``last_checkpoint`` points, or else what is newest."""
    last = folder / LAST
    try:
        text = last.read_text(encoding='utf-8', errors='replace').strip()
        state = 'names nothing'
    except OSError as error:
        text, state = '', f"can't be read ({error.strerror})"
    if text:
        state = f'names {text!r}'
    folders = {folder}
    if hook is not None and hook.out_dir not in (None, str(folder)):
        folders.add(Path(hook.out_dir, folder.resolve().name))
    files = sorted(
        (
            path
            for one in folders
            for path in one.glob('*.pth')
            if not path.name.startswith(('.', 'best_'))
        ),
        key=age,
        reverse=True,
    )
    if not files and not text:
        word = f'nothing to resume in {folder}: the training begins'
        return Choice(words=[word])
    # The second: a folder that was moved, or another current folder.
    named = [Path(text), folder / Path(text).name] if text else []
    optimizer = hook is None or hook.save_optimizer
    choice = Choice()
    tried = set()
    for path in (*named, *files):
        if path.absolute() in tried or not _is_there(path, folder):
            continue
        tried.add(path.absolute())
        try:
            choice.seed = resumable_seed(path, shapes, optimizer=optimizer)
        except ValueError as error:
            choice.words.append(f'left out: {error}')
            continue
        choice.path = str(path)
        if not text or path.absolute() != Path(text).absolute():
            choice.words.append(
                f'{last} {state}; going on from {path}, the newest that is '
                'whole'
            )
            write_last_checkpoint(folder, str(path))
        return choice
    reasons = choice.words or [f'{last} {state}, which does not exist']
    choice.error = '\n'.join(
        [f'there is no checkpoint to resume from in {folder}:', *reasons]
    )
    choice.error += f'\n{CHOICES}; or delete what is there.'
    choice.words = []
    return choice


def _is_there(path: Path, folder: Path) -> bool:
    """Whether there may be a checkpoint: a file, or a folder of its own."""
    try:
        return path.exists() and not folder.resolve().is_relative_to(
            path.resolve()  # as of a name that was cut
        )
    except OSError:  # what is no name at all
        return False


def _named(path: Path, shapes: Shapes | None) -> Choice:
    """Choose the file that the user named; no other stands for it."""
    choice = Choice(str(path))
    try:
        choice.seed = resumable_seed(path, shapes, optimizer=False)
    except ValueError as error:
        beside = _newest_beside(path, shapes)
        hint = f'The newest whole one beside it: {beside}. ' if beside else ''
        choice.error = f"can't resume from {error}\n{hint}{CHOICES}."
    return choice


def _newest_beside(path: Path, shapes: Shapes | None) -> Path | None:
    for other in sorted(path.parent.glob('*.pth'), key=age, reverse=True):
        if other != path and not other.name.startswith('best_'):
            try:
                resumable_seed(other, shapes, optimizer=True)
            except ValueError:
                continue
            return other
    return None


def _hook(runner: Any) -> Any:
    hooks = (h for h in runner.hooks if isinstance(h, CheckpointHook))
    return next(hooks, None)


def _shapes(runner: Any) -> Shapes | None:
    """Return key -> shape of the weights, or None before there is a model."""
    model: Any = getattr(runner, 'model', None)
    while is_model_wrapper(model):
        model = model.module
    if not isinstance(model, nn.Module):
        return None
    return {key: tuple(v.shape) for key, v in model.state_dict().items()}
