"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.support.golden import GoldenCase
from uniformer_mm.fast import path
from uniformer_mm.hosts import TASK_HOSTS
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

if TYPE_CHECKING:
    from tests.support.host_tests import HostTest

# Folder -> the marker of all its tests.
MARKERS = {'test_hosts': 'hosts', 'test_configs': 'configs'}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, so that ``-m hosts`` selects them."""
    for item in items:
        for folder, marker in MARKERS.items():
            if folder in item.path.parts:
                item.add_marker(marker)


@pytest.fixture(scope='session', autouse=True)
def _fast_forms_of_small_inputs() -> Iterator[None]:
    """Tests are small, and are to see what users' inputs go through."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path, 'LEAST_ELEMENTS', 0)
        yield


@pytest.fixture(scope='session', autouse=True)
def _processes_can_be_forked() -> None:
    """Go backward once, before anything has told torch of a GPU's place.

    Fake tensors and ``torch.compile`` do so, and the first backward pass after
    them starts threads, with which a forked process can't go backward.
    """
    torch.ones(1, requires_grad=True).backward()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> GoldenCase:
    """The case named by indirect parametrization."""
    return GoldenCase(request.param)


@pytest.fixture(scope='module')
def few_shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy data set with a handful of images and clips."""
    root = tmp_path_factory.mktemp('data') / 'toy'
    spec = ToyDataSpec(train=4, val=2, train_clips=4, val_clips=2)
    make_toy_data(root, spec)
    return root


@pytest.fixture
def use_threads() -> Iterator[Callable[[int], None]]:
    """Sets torch's number of threads, for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(scope='session')
def host_test(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], HostTest]:
    """Task -> what the host's test loop gives; run when first asked for."""
    done: dict[str, HostTest] = {}

    def get(task: str) -> HostTest:
        pytest.importorskip(TASK_HOSTS[task])
        from tests.support.host_tests import run_host_test

        if task not in done:
            folder = tmp_path_factory.mktemp(task)
            done[task] = run_host_test(task, folder)
        return done[task]

    return get
