"""Which rank of a training is gone or hangs, and where.

A collective that waits for a rank ends at the time limit of the process group
(``env_cfg.dist_cfg.timeout``) and does not say for whom it waited.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from datetime import timedelta
from types import FrameType, TracebackType
from typing import Any

from mmengine.dist import get_dist_info
from torch.distributed import TCPStore  # type: ignore[attr-defined]

__all__ = ['RankWatch']

BEAT = 1.0  # s
SILENCE = 15.0  # s
# What torch waits where ``dist_cfg.timeout`` is not set: the shortest.
TIMEOUT = 600.0  # s
LISTED = 8  # ranks


class RankWatch:
    """Watches the ranks of ``runner`` while entered; one rank: nothing.

    Each rank writes once a second to the store of the process group where its
    main thread is. It logs an error

    - when the rank after it has written nothing for 15 seconds: it has ended,
      was stopped, or its machine is gone (a call that does not let go of
      Python's lock looks alike, so nobody is killed for it);
    - with its stack, when it has been in one line for half the time limit:
      the rank that does not wait for the others is the one that hangs;
    - naming all silent ranks, or where each rank is, when it ends by a
      ``RuntimeError``, as that of a collective.

    Args:
        runner: With ``iter``, ``logger`` and ``cfg``.
    """

    def __init__(self, runner: Any) -> None:
        self.runner = runner
        self.rank, self.world_size = get_dist_info()
        env_cfg = runner.cfg.get('env_cfg') or {}
        dist_cfg = env_cfg.get('dist_cfg') or {}
        self.timeout = float(dist_cfg.get('timeout') or TIMEOUT)
        self.main = threading.get_ident()
        self.done = threading.Event()
        self.failure = ''
        self.store: TCPStore | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> RankWatch:
        """Begin to watch."""
        if self.world_size > 1 and 'MASTER_PORT' in os.environ:
            # A connection of its own: another thread may wait on torch's.
            try:
                self.store = TCPStore(
                    os.environ['MASTER_ADDR'],
                    int(os.environ['MASTER_PORT']),
                    is_master=False,
                    timeout=timedelta(seconds=SILENCE),
                )
            except RuntimeError as error:  # a training goes on unwatched
                self._log(f'the ranks are not watched: {error}')
                return self
            self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say what is known of the others, if this rank fails."""
        if self.store is not None:
            if isinstance(error, RuntimeError):
                self.failure = f'ends by {type(error).__name__}'
                self._log(self._account())
            self.done.set()
            self.thread.join(SILENCE)
            if error is None:  # who is done early is not gone
                with suppress(RuntimeError):
                    self.store.set(key(self.rank), '')

    def _run(self) -> None:
        neighbour = (self.rank + 1) % self.world_size
        heard, heard_at = '', time.monotonic()
        place, there_since = '', time.monotonic()
        silent = still = False
        while not self.done.is_set():
            stack = self._stack()
            try:
                self._beat(stack)
                beat = self._beats([neighbour])[neighbour]
            except RuntimeError as error:
                # The rank or the launcher that held the store is gone; what
                # waits for it ends by itself.
                self._log(f'the store of the process group is gone: {error}')
                return
            now = time.monotonic()
            if beat != heard:
                heard, heard_at, silent = beat, now, False
            if beat and now - heard_at > SILENCE and not silent:
                silent = True
                self._log(
                    f'{said(neighbour, beat)} has not been heard of for '
                    f'{now - heard_at:.0f} s. Who waits for it stops after '
                    f'env_cfg.dist_cfg.timeout ({self.timeout:.0f} s)'
                )
            if stack != place:
                place, there_since, still = stack, now, False
            if now - there_since > self.timeout / 2 and not still:
                still = True
                self._log(
                    f'this rank, {self.rank}, has been in one line for '
                    f'{now - there_since:.0f} s:\n{stack}'
                )
            self.done.wait(BEAT)

    def _stack(self) -> str:
        frame: FrameType | None = sys._current_frames().get(self.main)
        return ''.join(traceback.format_stack(frame)) if frame else ''

    def _beat(self, stack: str) -> None:
        assert self.store is not None
        lines = stack.strip().splitlines()
        innermost = [line for line in lines if 'File "' in line]
        beat = {
            'time': time.time(),  # compared by its writer's clock alone
            'host': socket.gethostname(),
            'process': os.getpid(),
            'iteration': self.runner.iter,
            'place': self.failure or ''.join(innermost[-1:]).strip(),
        }
        self.store.set(key(self.rank), json.dumps(beat))

    def _beats(self, ranks: list[int]) -> dict[int, str]:
        assert self.store is not None
        return {
            rank: self.store.get(key(rank)).decode()
            if self.store.check([key(rank)])
            else ''
            for rank in ranks
        }

    def _account(self) -> str:
        """Name the silent ranks, or else the place of each."""
        others = [r for r in range(self.world_size) if r != self.rank]
        try:
            before = self._beats(others)
            time.sleep(2.5 * BEAT)
            after = self._beats(others)
        except RuntimeError as error:
            return f'the store of the process group is gone: {error}'
        silent = [rank for rank in others if before[rank] == after[rank]]
        named = '; '.join(
            said(r, after[r]) for r in (silent or others)[:LISTED]
        )
        count = f'{len(silent)} of {len(others)} other ranks'
        if silent:
            return f'rank {self.rank} stops: {count} do not answer: {named}'
        return f'rank {self.rank} stops; the others go on: {named}'

    def _log(self, words: str) -> None:
        self.runner.logger.error(words)


def key(rank: int) -> str:
    """Return the name of a rank's last beat in the store."""
    return f'uniformer_mm/rank-{rank}'


def said(rank: int, beat: str) -> str:
    """Name a rank by its last beat."""
    if not beat:
        return f'rank {rank}'
    last = json.loads(beat)
    return (
        f'rank {rank} (process {last["process"]} on {last["host"]}, last in '
        f'iteration {last["iteration"]}, {last["place"]})'
    )
