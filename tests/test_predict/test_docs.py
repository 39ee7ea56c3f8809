"""The guide to predicting does what it says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.host_tests import HostTest
from tests.support.recipe import ROOT


def test_the_script_runs(
    host_test: Callable[[str], HostTest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    test = host_test('detection')
    (tmp_path / 'work_dirs/my').mkdir(parents=True)
    shutil.copy(test.checkpoint, tmp_path / 'work_dirs/my/epoch_12.pth')
    (tmp_path / 'pictures').mkdir()
    for path in test.inputs:
        shutil.copy(path, tmp_path / 'pictures')
    monkeypatch.chdir(tmp_path)
    text = (ROOT / 'docs/predict.md').read_text()
    (script,) = re.findall(r'^```python\n(.*?)^```', text, re.M | re.S)
    exec(script, {})
    printed = capsys.readouterr().out
    assert all(path.name in printed for path in test.inputs)
