"""What is run in an environment, and what its output says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

__all__ = ['Check', 'CheckFailedError', 'Shell', 'last_words', 'run_checks']

ROOT = Path(__file__).parents[2]
PYTEST = 'python -m pytest -q -n 2'
GOLDENS = (
    'tests/test_models/test_golden.py tests/test_engine/test_compile_golden.py'
)
TOY_DATA = (
    'uniformer-mm toy-data data/toy --train 12 --val 4 --train-clips 8 '
    '--val-clips 4'
)
BY_EPOCH = 'train_cfg.max_epochs=1 train_cfg.val_interval=1'
# By host: the config of the toy data, and what makes it short.
TRAININGS = {
    'mmdet': ('detection/uniformer_maskrcnn_toy', BY_EPOCH),
    'mmseg': (
        'segmentation/uniformer_fpn_toy',
        'train_cfg.max_iters=4 train_cfg.val_interval=4 '
        'default_hooks.checkpoint.interval=4',
    ),
    'mmpose': (
        'pose/uniformer_pose_toy',
        f'{BY_EPOCH} default_hooks.checkpoint.interval=1',
    ),
    'mmaction': (
        'action/uniformer-s_toy',
        f'{BY_EPOCH} default_hooks.checkpoint.interval=1',
    ),
    'mmpretrain': (
        'classification/uniformer-s_toy',
        f'{BY_EPOCH} default_hooks.checkpoint.interval=1',
    ),
}
LIMIT_S = 1800


@dataclass(frozen=True)
class Check:
    """The outcome of one check: ``'ok'`` or ``'failed'``, and its words."""

    check: str
    outcome: str
    words: str


class CheckFailedError(Exception):
    """A command of a check failed, with what it said at last."""


def run_checks(python: Path, folder: Path) -> Iterator[Check]:
    """Run all checks with the environment of ``python``, in ``folder``.

    What the commands print goes to ``folder``, a file for each check.
    """
    env = {
        **os.environ,
        'PATH': f'{python.parent}{os.pathsep}{os.environ["PATH"]}',
        'OMP_NUM_THREADS': '1',
    }
    runs: dict[str, Callable[[Shell], str]] = {
        'doctor': lambda shell: shell('uniformer-mm doctor'),
        'goldens': lambda shell: shell(f'{PYTEST} {GOLDENS}', ROOT),
        'compat': lambda shell: shell(f'{PYTEST} tests/test_compat', ROOT),
    }
    for host in TRAININGS:
        runs[host] = partial(train_and_test, host)
    for name, check in runs.items():
        with (folder / f'{name}.log').open('w+') as log:
            try:
                yield Check(name, 'ok', check(Shell(env, folder, log)))
            except CheckFailedError as error:
                yield Check(name, 'failed', str(error))


def train_and_test(host: str, shell: Shell) -> str:
    """Train ``host`` on a few drawn images or clips, and test the result."""
    if not (shell.folder / 'data/toy').is_dir():
        shell(TOY_DATA)
    config, short = TRAININGS[host]
    config = f'{ROOT}/configs/{config}.py'
    shell(f'mim train {host} {config} --work-dir {host} --cfg-options {short}')
    checkpoint = (shell.folder / host / 'last_checkpoint').read_text().strip()
    shell(
        f'mim test {host} {config} --work-dir {host}-test '
        f'--checkpoint {checkpoint}'
    )
    return 'trained and tested'


@dataclass(frozen=True)
class Shell:
    """Runs commands with ``env`` in ``folder``, and logs what they print."""

    env: dict[str, str]
    folder: Path
    log: TextIO
    limit_s: int = LIMIT_S

    def __call__(self, command: str, folder: Path | None = None) -> str:
        """Run ``command`` and return its last words.

        Raises:
            CheckFailedError: It failed, or took longer than ``limit_s``.
        """
        try:
            done = subprocess.run(
                shlex.split(command),
                cwd=folder or self.folder,
                env=self.env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=self.limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CheckFailedError(f'over {self.limit_s} s') from error
        self.log.write(f'$ {command}\n{done.stdout}\n')
        words = last_words(done.stdout)
        if done.returncode:
            raise CheckFailedError(words)
        return words


def last_words(output: str) -> str:
    """Return the last error that output names, else its last line.

    mim adds an error of its own after that of the host; pytest draws rules.
    """
    lines = [line.strip('= ') for line in output.splitlines() if line.strip()]
    errors = [
        line for line in lines if re.match(r'[\w.]+(Error|Exception): ', line)
    ]
    hosts = [line for line in errors if 'CalledProcessError' not in line]
    last = [*lines, *errors, *hosts][-1] if lines else ''
    return re.sub(r' in \d+\.\d+s.*', '', last)
