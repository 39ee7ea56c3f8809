"""A module with ``TASK`` tests each published row, and the config of it."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine import Config

from tests.support.recipe import experiments, load_config


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    task = getattr(metafunc.module, 'TASK', None)
    if task and 'row' in metafunc.fixturenames:
        rows = experiments(task)
        metafunc.parametrize('row', rows, ids=[r['config'] for r in rows])


@pytest.fixture
def config(row: dict[str, Any], request: pytest.FixtureRequest) -> Config:
    return load_config(request.module.TASK, row['config'])
