"""A training that is killed and resumed is the one that was not."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.trainings import (
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
    for host in HOSTS.values():
        if host.folder == task and find_spec(host.module) is None:
            pytest.skip(f'{host.module} is not installed')
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
