from __future__ import annotations

import importlib
import os
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.support.installs import RunPython, run


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """Run this interpreter elsewhere, with the switches unset by default."""
    path = os.environ.get('PYTHONPATH', '')
    return partial(run, Path(sys.executable), tmp_path, PYTHONPATH=path)


@pytest.fixture
def mmcv_lite() -> None:
    """Skip what is true of our replacement alone."""
    pytest.importorskip('mmcv')
    ext = importlib.import_module('mmcv._ext')
    if not (ext.__file__ or '').endswith('mmcv_ext.py'):
        pytest.skip('a compiled mmcv is installed')
