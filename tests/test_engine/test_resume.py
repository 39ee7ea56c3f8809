"""A training that is killed and resumed is the one that was not."""

from __future__ import annotations

import signal
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.fuzz import TRIED, Record
from tests.support.killed import STEPS, WRITING, train_and_die
from tests.support.trainings import (
    CONFIGS,
    in_a_process,
    losses,
    small_training,
    train,
)
from uniformer_mm.hosts import HOSTS


def last_weights(work_dir: Path) -> dict[str, Any]:
    path = (work_dir / 'last_checkpoint').read_text()
    return torch.load(path, weights_only=True)


def assert_same(got: Any, expected: Any) -> None:
    for entry in ('state_dict', 'ema_state_dict'):
        assert got[entry].keys() == expected[entry].keys()
        for key, value in expected[entry].items():
            assert torch.equal(got[entry][key], value), key
    states = [c['optimizer']['state'] for c in (got, expected)]
    assert states[0].keys() == states[1].keys()
    for index, state in states[1].items():
        for key, value in state.items():
            assert torch.equal(states[0][index][key], value)


def need(task: str) -> None:
    for host in HOSTS.values():
        if host.folder == task and find_spec(host.module) is None:
            pytest.skip(f'{host.module} is not installed')


@pytest.mark.parametrize(
    ('task', 'num_workers'),
    [
        ('detection', 0),
        ('segmentation', 2),
        pytest.param('pose', 0, marks=pytest.mark.slow),
        pytest.param('action', 1, marks=pytest.mark.slow),
    ],
)
def test_killed_and_resumed(
    task: str, num_workers: int, few_shapes: Path, tmp_path: Path
) -> None:
    need(task)
    logs = {}
    for name, kill_after in (('whole', None), ('broken', 2)):
        config = small_training(task, few_shapes, tmp_path / name, num_workers)
        logs[name] = tmp_path / f'{name}.txt'
        code = in_a_process(train, config, logs[name], kill_after)
        assert code == (0 if kill_after is None else -signal.SIGKILL)
    config = small_training(task, few_shapes, tmp_path / 'broken', num_workers)
    config.resume = True
    assert in_a_process(train, config, logs['broken']) == 0
    assert losses(logs['broken']) == losses(logs['whole'])
    whole, broken = (last_weights(tmp_path / n) for n in ('whole', 'broken'))
    assert_same(broken, whole)


# Among how many moments, and how often, one is drawn.
KILLS = [(STEPS, 9), (WRITING, 4), (STEPS + WRITING, 9), (WRITING, 4)]
TIMES = 6  # as long as a small training, so that it never ends before them


@pytest.mark.slow
@pytest.mark.parametrize('task', list(CONFIGS))
def test_killed_at_random_moments(
    task: str, few_shapes: Path, tmp_path: Path, record_property: Record
) -> None:
    need(task)
    random = np.random.default_rng(zlib.crc32(task.encode()))

    def config_of(name: str, *, resume: bool) -> Any:
        config = small_training(task, few_shapes, tmp_path / name)
        for key in ('max_epochs', 'max_iters'):
            if key in config.train_cfg:
                config.train_cfg[key] *= TIMES
        config.default_hooks.checkpoint.max_keep_ckpts = 1
        config.resume = resume
        return config

    whole, log = tmp_path / 'whole.txt', tmp_path / 'log.txt'
    assert in_a_process(train, config_of('whole', resume=False), whole) == 0
    for number, (names, moments) in enumerate(KILLS):
        config = config_of('broken', resume=number > 0)
        at = int(random.integers(1, moments + 1))
        code = in_a_process(train_and_die, config, log, names, at)
        assert code == -signal.SIGKILL
    assert in_a_process(train, config_of('broken', resume=True), log) == 0
    killed_at = log.with_suffix('.moments').read_text().splitlines()
    assert len(killed_at) == len(KILLS)
    # What was done twice was the same twice.
    assert set(log.read_text().split('\n')) == set(
        whole.read_text().split('\n')
    )
    assert_same(
        last_weights(tmp_path / 'broken'), last_weights(tmp_path / 'whole')
    )
    record_property(TRIED, len(killed_at))
