"""Checkpoints that are whole or not there, and never fewer than asked for."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook

from uniformer_mm.engine.checkpoint_files import (
    sync_folder,
    write_last_checkpoint,
)
from uniformer_mm.registry import HOOKS

__all__ = ['CheckpointHook']


@HOOKS.register_module()
class CheckpointHook(MMEngineCheckpointHook):
    """MMEngine's hook, safe against being killed at any moment.

    A checkpoint is written beside its place, flushed to the disk and renamed;
    then ``last_checkpoint`` is replaced in the same way; only then are older
    ones deleted. So is the best one. In a folder that is not local MMEngine's
    backend writes it, as ever. Takes the arguments of MMEngine's.

    Raises:
        ValueError: An argument breaks a rule of MMEngine's.

    Examples:
        >>> default_hooks = dict(
        ...     checkpoint=dict(type='uniformer_mm.CheckpointHook'))
    """

    file_backend: Any

    @functools.wraps(MMEngineCheckpointHook.__init__)  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except AssertionError as error:
            raise ValueError(f'CheckpointHook: {error}') from error

    def before_train(self, runner: Any) -> None:
        """See MMEngine's; delete what a killed training left unfinished."""
        super().before_train(runner)
        self.is_local = isinstance(self.file_backend, LocalBackend)
        if is_main_process() and self.is_local:
            for part in Path(self.out_dir).glob('.*.part'):
                _remove(part)

    def _save_checkpoint_with_step(
        self, runner: Any, step: int, meta: dict[str, Any]
    ) -> None:
        outdated = []
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            kept = [*self.keep_ckpt_ids, step]
            outdated = kept[: -self.max_keep_ckpts]
            self.keep_ckpt_ids.append(step)  # drops the first, if it is full
            runner.message_hub.update_info(
                'keep_ckpt_ids', list(self.keep_ckpt_ids)
            )
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        self._whole(runner).save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        write_last_checkpoint(Path(runner.work_dir), self.last_ckpt)
        for old in outdated:
            self._delete(
                self.file_backend.join_path(
                    self.out_dir, self.filename_tmpl.format(old)
                )
            )

    def _save_best_checkpoint(
        self, runner: Any, metrics: dict[str, float]
    ) -> None:
        if not self.save_best:
            return
        with self._deleting_later() as outdated:
            super()._save_best_checkpoint(self._whole(runner), metrics)
        best = {
            getattr(self, 'best_ckpt_path', None),
            *getattr(self, 'best_ckpt_path_dict', {}).values(),
        }
        for path in outdated:
            if path not in best:
                self._delete(path)

    @contextmanager
    def _deleting_later(self) -> Iterator[list[str]]:
        """Collect what MMEngine would delete before it writes."""
        backend = self.file_backend
        later = DeletesLater(backend)
        self.file_backend = later
        try:
            yield later.outdated
        finally:
            self.file_backend = backend

    def _delete(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):  # as DeepSpeed's are
            self.file_backend.rmtree(path)

    def _whole(self, runner: Any) -> Any:
        if not self.is_local or isinstance(runner, WritesWhole):
            return runner
        return WritesWhole(runner)


class DeletesLater:
    """A file backend that keeps a list of what it should delete."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.outdated: list[str] = []

    def remove(self, path: str) -> None:
        self.outdated.append(path)

    rmtree = remove

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)


class WritesWhole:
    """A runner whose checkpoints are whole or not there."""

    def __init__(self, runner: Any) -> None:
        self.runner = runner

    def save_checkpoint(
        self, out_dir: str, filename: str, *args: Any, **kwargs: Any
    ) -> None:
        """See ``Runner.save_checkpoint``.

        Raises:
            OSError: It can't be written; what was there is as before.
        """
        path = Path(out_dir, filename)
        part = Path(out_dir, f'.{filename}.part')
        try:
            self.runner.save_checkpoint(out_dir, part.name, *args, **kwargs)
            barrier()  # until all have written their part of it
            if is_main_process():
                _replace(part, path)
        # torch makes a RuntimeError of a failed write.
        except (OSError, RuntimeError) as error:
            cause = error if isinstance(error, OSError) else error.__context__
            if not isinstance(cause, OSError):
                raise
            if is_main_process():
                _remove(part)
            raise OSError(
                f"{path} can't be written: {cause.strerror or cause}. "
                'Checkpoints that were there are as before. Make space, or '
                'make the folder yours to write in, and go on with --resume; '
                'default_hooks.checkpoint.max_keep_ckpts=N keeps N of them, '
                'and needs space for one more while it writes'
            ) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runner, name)


def _replace(part: Path, path: Path) -> None:
    """Make ``part`` the file or folder ``path``, on the disk too."""
    if part.is_dir():
        _remove(path)
    else:
        with part.open('rb') as file:
            os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()
