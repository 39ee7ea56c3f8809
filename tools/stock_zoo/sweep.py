"""Many cases, each side of each in a process of its own, with a time limit.

The processes are forked from one that has imported the host, so that each
takes seconds. What one does, hangs, dies, or takes all memory, is its row.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch

from tools.stock_zoo.results import Case, Row
from tools.stock_zoo.trial import Outcome, explained, run
from uniformer_mm.hosts import advice

__all__ = ['Limits', 'sweep']

SIDES = (False, True)  # the stock backbone, ours
FORK = multiprocessing.get_context('fork')
Trial = Callable[[Case, bool], Outcome]


@dataclass(frozen=True)
class Limits:
    """What a process may use.

    Attributes:
        seconds: Its time.
        gib: Its memory, in GiB.
        jobs: How many run at once.
    """

    seconds: float = 300
    gib: float = 8
    jobs: int = 1


@dataclass
class _Child:
    case: Case
    ours: bool
    process: BaseProcess
    answer: Connection
    ends: float  # by time.monotonic()


def sweep(
    cases: Iterable[Case], limits: Limits, trial: Trial = run
) -> Iterator[Row]:
    """Try cases; give the row of each as soon as it is known.

    Args:
        cases: What is tried, of one host.
        limits: What each side of one may use.
        trial: What is done. Defaults to the real thing.
    """
    cases = list(cases)
    (host,) = {case.host for case in cases}
    _import(host)
    waiting = [(case, ours) for case in cases for ours in SIDES]
    running: list[_Child] = []
    known: dict[Case, dict[bool, Outcome]] = {case: {} for case in cases}
    try:
        while waiting or running:
            while waiting and len(running) < limits.jobs:
                running.append(_start(*waiting.pop(0), limits, trial))
            for child in _finished(running):
                running.remove(child)
                sides = known[child.case]
                sides[child.ours] = _outcome(child, limits)
                if len(sides) == len(SIDES):
                    yield _row(child.case, sides[False], sides[True])
    finally:
        for child in running:
            _end(child)


def _import(host: str) -> None:
    missing = advice([host])
    if missing:
        raise ImportError(missing)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        utils = import_module(f'{host}.utils')
        utils.register_all_modules(init_default_scope=False)
        import_module(f'tools.stock_zoo.inputs.{host}')


def _start(case: Case, ours: bool, limits: Limits, trial: Trial) -> _Child:
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(
        target=_answer, args=(sender, case, ours, limits, trial)
    )
    process.start()
    sender.close()
    ends = time.monotonic() + limits.seconds
    return _Child(case, ours, process, receiver, ends)


def _answer(
    sender: Connection, case: Case, ours: bool, limits: Limits, trial: Trial
) -> None:
    """Be the child: nothing is printed, the outcome is sent."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    size = int(limits.gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    try:
        outcome = trial(case, ours)
    except BaseException as error:
        outcome = explained(error, 'failed')
    sender.send(outcome)


def _finished(running: list[_Child]) -> list[_Child]:
    """Wait until some have answered, have ended, or have no time left."""
    rest = min(child.ends for child in running) - time.monotonic()
    sources = [child.answer for child in running]
    ready = wait(sources, timeout=max(rest, 0))
    now = time.monotonic()
    return [c for c in running if c.answer in ready or c.ends <= now]


def _outcome(child: _Child, limits: Limits) -> Outcome:
    """What a child says; that it is at its end, if it says nothing."""
    try:
        if child.answer.poll():
            answer: Outcome = child.answer.recv()
            return answer
        return Outcome('failed', f'no end after {limits.seconds:g} s')
    except EOFError:
        child.process.join()
        code = child.process.exitcode
        return Outcome('failed', f'the process died: exit code {code}')
    finally:
        _end(child)


def _end(child: _Child) -> None:
    child.process.kill()
    child.process.join()
    child.answer.close()


def _row(case: Case, stock: Outcome, ours: Outcome) -> Row:
    return Row(
        case.host,
        case.family,
        case.config,
        stock.status,
        stock.cause,
        ours.status,
        ours.cause,
        f'{datetime.now(timezone.utc):%Y-%m-%d}',
        torch.__version__.partition('+')[0],
    )
