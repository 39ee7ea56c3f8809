"""Which checkpoint a training goes on from: the newest that is whole.

MMEngine goes where ``last_checkpoint`` points, and begins anew over what is
there if that file is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uniformer_mm.engine.checkpoint_files import (
    LAST,
    Shapes,
    age,
    resumable_seed,
    write_last_checkpoint,
)

__all__ = ['CHOICES', 'Choice', 'named', 'newest']

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


def newest(folder: Path, shapes: Shapes | None, hook: Any) -> Choice:
    """Choose where ``last_checkpoint`` points, or else what is newest.

    Args:
        folder: The working folder of the training.
        shapes: Of the model's weights; None compares none.
        hook: MMEngine's ``CheckpointHook`` of the training, if it has one.
    """
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
    pointed = [Path(text), folder / Path(text).name] if text else []
    optimizer = hook is None or hook.save_optimizer
    choice = Choice()
    tried = set()
    for path in (*pointed, *files):
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


def named(path: Path, shapes: Shapes | None) -> Choice:
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
