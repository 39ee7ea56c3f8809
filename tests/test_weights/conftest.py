"""Fixtures of the tests of weight files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.logging import MMLogger


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
