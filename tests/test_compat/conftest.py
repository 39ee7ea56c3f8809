from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RunPython = Callable[..., 'subprocess.CompletedProcess[str]']


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """Run this interpreter elsewhere, with the switches unset by default."""

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        inherited = dict(os.environ, OMP_NUM_THREADS='1')
        for switch in ('UNIFORMER_MM_COMPAT', 'TORCH_DEVICE_BACKEND_AUTOLOAD'):
            inherited.pop(switch, None)
        return subprocess.run(
            [sys.executable, *args],
            env={**inherited, **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def mmcv_lite() -> None:
    """Skip what is true of our replacement alone."""
    pytest.importorskip('mmcv')
    ext = importlib.import_module('mmcv._ext')
    if not (ext.__file__ or '').endswith('mmcv_ext.py'):
        pytest.skip('a compiled mmcv is installed')
