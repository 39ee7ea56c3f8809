"""Fixtures of the tests of weight files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.logging import MMLogger

from tests.support.weight_server import SHA256, Server, weight_server
from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE
from uniformer_mm.weights.zoo import ZOO

SERVED = 'uniformer-small_k400_16x4_mmaction2'  # the name of ``entry``


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'weights.pth'


@pytest.fixture
def save(path: Path) -> Callable[..., Path]:
    def save(content: Any, **options: Any) -> Path:
        torch.save(content, path, **options)
        return path

    return save


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder any user can reach; those above ``tmp_path`` are private."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def log(
    caplog: pytest.LogCaptureFixture,
) -> Iterator[pytest.LogCaptureFixture]:
    """What MMEngine's logger says, which the root logger does not hear."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture
def server() -> Iterator[Server]:
    with weight_server() as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloads, an empty one, and no other settings."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setenv('no_proxy', '*')
    return tmp_path / 'hub' / 'checkpoints'


@pytest.fixture
def entry(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A name whose file the server has."""
    file = 'model-12345678.pth'
    fake = replace(
        ZOO[SERVED],
        file_name=file,
        url=f'{server.url}/{file}',
        sha256=SHA256[:8],
    )
    monkeypatch.setitem(ZOO, SERVED, fake)
    return SERVED
